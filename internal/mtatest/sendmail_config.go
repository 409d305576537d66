package mtatest

import (
	"fmt"
	"net"
	"strings"

	"tlswarden/packaging"
)

// sendmailService is one listener of the private Sendmail.
type sendmailService struct {
	name      string
	host      string
	wrapper   bool
	modifiers string // of DAEMON_OPTIONS, cf/README
}

// sendmailServices lists the services that case files can choose from.
// M=S keeps a listener from offering STARTTLS: that is also how a Sendmail
// behaves that cannot use its key.
func sendmailServices() []sendmailService {
	return []sendmailService{
		{name: "smtp", host: "127.0.0.1"},
		{name: "ipv6", host: "::1"},
		{name: "smtps", host: "127.0.0.1", wrapper: true, modifiers: "s"},
		{name: "nokey", host: "127.0.0.1", modifiers: "S"},
	}
}

// daemonOptions is the macro call that opens a listener.
func daemonOptions(service sendmailService, address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	family := "inet"
	if strings.Contains(host, ":") {
		family = "inet6"
	}
	return fmt.Sprintf("DAEMON_OPTIONS(`Family=%s, Addr=%s, Port=%s, Name=%s, M=%s')\n",
		family, host, port, service.name, service.modifiers), nil
}

// inputMailFilter is the macro call that hooks up a milter, as we tell
// administrators to; none if there is nobody to ask.
func inputMailFilter(milter string) (string, error) {
	if milter == "" {
		return "", nil
	}
	host, port, err := net.SplitHostPort(milter)
	if err != nil {
		return "", err
	}
	own, ownPort, err := net.SplitHostPort(packaging.MilterAddress)
	if err != nil {
		return "", err
	}
	return strings.ReplaceAll(packaging.SendmailMilter(), "inet:"+ownPort+"@"+own, "inet:"+port+"@"+host) + "\n", nil
}

// sendmailTemplate is the configuration's source, for m4(1). $ROOT is the private
// directory, $MAIL the one that delivered mail goes to, $LISTEN the listeners
// and $FILTER the milter.
//
// DeliveryMode i delivers before the reply to the message, so no test has to
// wait. The cipher list admits everything that OpenSSL still has. Without a
// fingerprint algorithm the filter would get an MD5 sum. Nothing asks the DNS. The local mailer lacks the flags w and A: recipients have neither accounts nor aliases. Mail
// for other domains goes nowhere, as Sendmail would relay for clients on loopback.
const sendmailTemplate = "divert(0)dnl\n" +
	"VERSIONID(`tlswarden test')\n" +
	"OSTYPE(`linux')\n" +
	"define(`confDOMAIN_NAME', `" + HostName + "')\n" +
	"define(`confCW_FILE', `-o $ROOT/none')\n" +
	"define(`confCT_FILE', `-o $ROOT/none')\n" +
	"define(`ALIAS_FILE', `')\n" +
	"define(`HELP_FILE', `')\n" +
	"define(`STATUS_FILE', `')\n" +
	"define(`QUEUE_DIR', `$ROOT/queue')\n" +
	"define(`confPID_FILE', `$ROOT/sendmail.pid')\n" +
	"define(`confCONTROL_SOCKET_NAME', `')\n" +
	"define(`confHOSTS_FILE', `/etc/hosts')\n" +
	"define(`confSERVICE_SWITCH_FILE', `$ROOT/service.switch')\n" +
	"define(`confBIND_OPTS', `-DNSRCH -DEFNAMES')\n" +
	"define(`confDONT_PROBE_INTERFACES', `True')\n" +
	"define(`confDELIVERY_MODE', `i')\n" +
	"define(`confDEF_USER_ID', `nobody')\n" +
	"define(`confTO_IDENT', `0s')\n" +
	"define(`confLOG_LEVEL', `14')\n" +
	"define(`confCONNECTION_RATE_THROTTLE', `0')\n" +
	"define(`confBAD_RCPT_THROTTLE', `0')\n" +
	"define(`confREFUSE_LA', `1000')\n" +
	"define(`confQUEUE_LA', `1000')\n" +
	"define(`confCACERT_PATH', `$ROOT/tls')\n" +
	"define(`confCACERT', `$ROOT/tls/ca.pem')\n" +
	"define(`confSERVER_CERT', `$ROOT/tls/cert.pem')\n" +
	"define(`confSERVER_KEY', `$ROOT/tls/key.pem')\n" +
	"define(`confCERT_FINGERPRINT_ALGORITHM', `sha256')\n" +
	"define(`LOCAL_MAILER_PATH', `$MAIL/deliver')\n" +
	"define(`LOCAL_MAILER_ARGS', `deliver $u')\n" +
	"define(`LOCAL_MAILER_FLAGS', `Pn9')\n" +
	"define(`_DEF_LOCAL_MAILER_FLAGS', `lsDFM5:/|@q')\n" +
	"FEATURE(`no_default_msa')\n" +
	"FEATURE(`nocanonify')\n" +
	"FEATURE(`accept_unresolvable_domains')\n" +
	"$LISTEN$FILTER" +
	"define(`SMART_HOST', `nowhere:nobody')\n" +
	"MAILER(`local')\n" +
	"MAILER(`smtp')\n" +
	"MAILER_DEFINITIONS\n" +
	"Mnowhere, P=/bin/cat, F=lsDFM, A=cat\n" +
	"LOCAL_CONFIG\n" +
	"Cw" + Domain + "\n" +
	"O CipherList=ALL:@SECLEVEL=0\n"
