package policyd

// attribute numbers the attributes that are of use.
type attribute uint8

const (
	attrRequest attribute = iota
	attrState
	attrInstance
	attrQueueID
	// From here on they are part of the question.
	attrClientAddress
	attrClientName
	attrReverseClientName
	attrClientPort
	attrHelo
	attrServerAddress
	attrServerPort
	attrSender
	attrRecipient
	attrSize
	attrSASLMethod
	attrSASLUsername
	attrCertSubject
	attrCertIssuer
	attrCertFingerprint
	attrCertKeyFingerprint
	attrProtocol
	attrCipher
	attrKeysize
	attrSNI
	attrContext
	attributeCount

	attrFirstFact = attrClientAddress
	noAttribute   = attributeCount
)

// usual lists the attributes in the order in which Postfix sends them
// (smtpd_check.c; SMTPD_POLICY_README tells since when). Those without a number
// are of no use.
var usual = [...]struct {
	name   string // with the "=" after it
	number attribute
}{
	{"request=", attrRequest},
	{"protocol_state=", attrState},
	{"protocol_name=", noAttribute},
	{"client_address=", attrClientAddress},
	{"client_name=", attrClientName},
	{"client_port=", attrClientPort},
	{"reverse_client_name=", attrReverseClientName},
	{"server_address=", attrServerAddress},
	{"server_port=", attrServerPort},
	{"helo_name=", attrHelo},
	{"sender=", attrSender},
	{"recipient=", attrRecipient},
	{"recipient_count=", noAttribute},
	{"queue_id=", attrQueueID},
	{"instance=", attrInstance},
	{"size=", attrSize},
	{"etrn_domain=", noAttribute},
	{"stress=", noAttribute},
	{"sasl_method=", attrSASLMethod},
	{"sasl_username=", attrSASLUsername},
	{"sasl_sender=", noAttribute},
	{"ccert_subject=", attrCertSubject},
	{"ccert_issuer=", attrCertIssuer},
	{"ccert_fingerprint=", attrCertFingerprint},
	{"ccert_pubkey_fingerprint=", attrCertKeyFingerprint},
	{"encryption_protocol=", attrProtocol},
	{"encryption_cipher=", attrCipher},
	{"encryption_keysize=", attrKeysize},
	{"tls_sni=", attrSNI},
	{"policy_context=", attrContext},
	{"compatibility_level=", noAttribute},
	{"mail_version=", noAttribute},
}

// find finds the attribute whose line begins here, by its place in the usual
// order. It looks from a place on, and then before that: as long as the order is
// the usual one, the first look finds it. Unknown attributes are ignored, as the
// protocol wants it: ok is false.
func find(line []byte, from int) (place int, ok bool) {
	for i := range usual {
		place = from + i
		if place >= len(usual) {
			place -= len(usual)
		}
		if name := usual[place].name; len(line) >= len(name) && string(line[:len(name)]) == name {
			return place, true
		}
	}
	return 0, false
}
