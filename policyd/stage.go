package policyd

// stage is the part of a mail transaction that a request belongs to.
type stage uint8

// The stages, in their order. In stageNone nothing is decided.
const (
	stageNone stage = iota
	stageRcpt
	stageData
	stageEnd
)

// stageOf reads protocol_state. Postfix says DATA for BDAT, too; the latter is
// taken in case a release says so.
func stageOf(state string) stage {
	switch state {
	case "RCPT":
		return stageRcpt
	case "DATA", "BDAT":
		return stageData
	case "END-OF-MESSAGE":
		return stageEnd
	}
	return stageNone
}

// beforeRcpt says whether a state comes before the first in which something is
// decided.
func beforeRcpt(state string) bool {
	switch state {
	case "CONNECT", "HELO", "EHLO", "MAIL":
		return true
	}
	return false
}
