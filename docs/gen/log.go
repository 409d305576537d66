package main

import "strings"

// logLine is a kind of line of the log, with its keys.
type logLine struct {
	msg   string
	intro string
	keys  [][2]string // each with what its values mean
}

// logLines describes the lines that a daemon writes again and again, for programs
// that read them.
func logLines() []logLine {
	return []logLine{decisionLine(), countsLine(), pluginLine()}
}

func decisionLine() logLine {
	return logLine{"decision", "One for each recipient of a mail. The same question that the policy service asks again is not logged again.", [][2]string{
		{"id", "what `{id}` in a reply stands for"},
		{"action", "what was done: `accept`, `tag`, `quarantine`, `defer`, `reject`. Or `on_failure`: no verdict could be made, and `error` says why. Or `unjudged`: the verdict waited for the end of the message, which never came; mostly the client gave up"},
		{"rule", "the rule that said so. Left out where no rule has anything against the mail"},
		{"exception", "the exception that held, as FILE:LINE; of several rules, that of the first. The counts have all"},
		{"front", "which front end was asked: `milter` or `policy`"},
		{"pid", "the process of smtpd that asked the policy service; it stands in Postfix's own lines as `smtpd[PID]`"},
		{"queue_id", "the mail server's queue id, from the milter, or from the policy service after RCPT. Where it is told late, it stands at the end of the line"},
		{"client", "the client's address"},
		{"client_name", "its verified name"},
		{"helo", "its HELO or EHLO name"},
		{"sasl_user", "the user who logged in"},
		{"tls", "the version, such as `TLSv1.3`; `none` is plaintext; `unknown` if the mail server does not tell, or tells a version that is not known here"},
		{"cipher", "the cipher suite"},
		{"bits", "its bits, as the mail server reports them"},
		{"cert", "the client's certificate: `trusted` if the server has verified it, `untrusted` if it could not, `presented` where the server does not tell which of the two. Left out if there was none"},
		{"sender", "the envelope sender; `<>` is the null sender"},
		{"recipient", "the envelope recipient"},
		{"shortfall", "what the session lacks of what the rule requires"},
		{"code", "the code of the reply, of `defer` and `reject`"},
		{"softened", "why a reject is only a defer, separated by commas: `unknown` (a fact that the requirement needs is unknown), `exemption` (a rule that might have exempted the mail was passed over, because a fact is unknown), `exception` (so was an exception of the rule), `address` (as the client wrote the address, it does not settle which mailbox is meant), `no_tls_seen` and `no_cert_seen` (no encrypted session, or no client certificate, was seen on this listener from such clients within 24 hours: see whether the server still offers STARTTLS, or asks for certificates), `temperror` (SPF, DKIM or DMARC met with a temporary error), `enforce` (`enforce = \"soft\"`)"},
		{"tagged", "`true` if a mail that is quarantined is tagged as well"},
		{"would", "what rules under `observe`, or all of them under `enforce = \"observe\"`, would have done: `tag`, `quarantine`, `defer`, `reject`. Left out if nothing"},
		{"would_rule", "the rule that would have"},
		{"us", "how long the decision took, in microseconds"},
		{"error", "of `action=on_failure` and `action=unjudged`: why there is no verdict"},
	}}
}

func countsLine() logLine {
	return logLine{"counts", "One for each rule, every hour, at the end, and on `SIGUSR1`; and one for each of its exceptions. They count recipients, as decisions do.", [][2]string{
		{"rule", "the rule"},
		{"met", "its `when` held, and the mail met what it requires"},
		{"not_met", "its `when` held, the mail did not meet what it requires, and the rule did what its `otherwise` says"},
		{"applied", "of a rule with `action`: its `when` held, and the action was done. In the line of an exception: it held"},
		{"observed", "the rule would have done something, and is under `observe`, or at a step of its `rollout` that only observes"},
		{"unknown", "a fact was unknown, so that the rule was passed over or could not be settled"},
		{"excepted", "an exception of the rule held. Only for rules that have exceptions"},
		{"exception", "in the line of an exception: where it stands, as FILE:LINE"},
		{"since", "from when on is counted: the start of the daemon, or the reload that brought the rule"},
	}}
}

func pluginLine() logLine {
	return logLine{"plugin", "One for each plugin, at the same times.", [][2]string{
		{"plugin", "the plugin, by its name in the configuration"},
		{"state", "`starting`; `healthy`; `backing off`: it ended or did not start, and is tried again; `failed`: it cannot work as it is, and is tried once a minute; `ended`: the daemon has ended it"},
		{"restarts", "how often it was started anew"},
		{"calls", "how often it was asked"},
		{"failures", "how many of these calls failed or were late"},
		{"cached", "how many answers were known already, so that it was not asked"},
		{"refused", "how many answers were not of the types that it had described"},
		{"absent", "how often it was not asked because it did not run"},
		{"busy", "how often it was not asked because too many calls were under way"},
		{"mean", "how long a call took on the average"},
	}}
}

// logIntro stands above all kinds of lines.
const logIntro = "The log is a line for each event, in logfmt (`key=value`, with quotes where a value needs them) or in JSON: see [`[log]`](#log). " +
	"A key whose value is unknown or empty is left out. Values from outside are cut after 320 bytes. " +
	"`time` begins each line, but in syslog, which has its own. " +
	"All other lines have `level`, and a `msg` that is a sentence; tlswarden-serve(8) lists those that matter."

// writeLog renders them for the reference.
func writeLog(b *strings.Builder) {
	b.WriteString("\n## The log\n\n" + logIntro + "\n")
	for _, l := range logLines() {
		b.WriteString("\n### msg=" + l.msg + "\n\n" + l.intro + "\n\n")
		head(b, "key", "value")
		for _, k := range l.keys {
			row(b, code(k[0]), k[1])
		}
	}
}
