package mtatest

import (
	"fmt"
	"slices"
	"strings"

	"tlswarden/packaging"
)

// postfixService is one smtpd(8) service of the private Postfix.
type postfixService struct {
	name    string
	host    string
	wrapper bool
	// policyIn names the restriction lists that ask the policy service. What
	// must stand before it there is added by restriction.
	policyIn []string
	options  []string
	contexts bool // each list asks with a policy_context of its name
}

// postfixServices lists the services that case files can choose from.
func postfixServices() []postfixService {
	recipient := []string{"smtpd_recipient_restrictions"}
	return []postfixService{
		{name: "smtp", host: "127.0.0.1", policyIn: recipient},
		{name: "ipv6", host: "::1", policyIn: recipient},
		{name: "smtps", host: "127.0.0.1", wrapper: true, policyIn: recipient,
			options: []string{"smtpd_tls_wrappermode = yes"}},
		{name: "submission", host: "127.0.0.1", policyIn: recipient,
			options: []string{"smtpd_sasl_auth_enable = yes"}},
		{name: "xclient", host: "127.0.0.1", policyIn: recipient,
			options: []string{"smtpd_authorized_xclient_hosts = 127.0.0.1"}},
		{name: "macro_defaults", host: "127.0.0.1", policyIn: recipient,
			options: []string{"milter_macro_defaults = {tls_version}=TLSv1.3"}},
		{name: "proxied", host: "127.0.0.1", policyIn: recipient,
			options: []string{"smtpd_proxy_filter = $PLAIN"}},
		{name: "proxied_name", host: "127.0.0.1", policyIn: recipient,
			options: []string{"smtpd_proxy_filter = $PLAIN", "mail_name = Postcow"}},
		{name: "proxied_number", host: "127.0.0.1", policyIn: recipient,
			options: []string{"smtpd_proxy_filter = $PLAIN", "mail_name = 8.17.1"}},
		{name: "proxied_old", host: "127.0.0.1", policyIn: recipient,
			options: []string{"smtpd_proxy_filter = $PLAIN", "milter_protocol = 2"}},
		{name: "proxied_data", host: "127.0.0.1",
			policyIn: []string{"smtpd_recipient_restrictions", "smtpd_data_restrictions"},
			options:  []string{"smtpd_proxy_filter = $PLAIN"}},
		{name: "named", host: "127.0.0.1", policyIn: recipient,
			options: []string{"mail_name = 8.17.1"}},
		{name: "prepended", host: "127.0.0.1", policyIn: recipient,
			options: []string{"smtpd_sender_restrictions = check_sender_access static:{PREPEND Authentication-Results: mx.example.com; spf=fail}"}},
		{name: "nokey", host: "127.0.0.1", policyIn: recipient,
			options: []string{"smtpd_tls_key_file = /nonexistent/key.pem"}},
		{name: "data", host: "127.0.0.1",
			policyIn: []string{"smtpd_data_restrictions"}},
		{name: "end_of_data", host: "127.0.0.1",
			policyIn: []string{"smtpd_end_of_data_restrictions"}},
		{name: "one_request", host: "127.0.0.1", policyIn: recipient,
			options: []string{"smtpd_policy_service_request_limit = 1"}},
		{name: "contexts", host: "127.0.0.1", contexts: true,
			policyIn: []string{"smtpd_client_restrictions", "smtpd_recipient_restrictions"}},
		{name: "delay_no", host: "127.0.0.1",
			policyIn: []string{"smtpd_client_restrictions", "smtpd_helo_restrictions",
				"smtpd_sender_restrictions", "smtpd_recipient_restrictions"},
			options: []string{"smtpd_delay_reject = no"}},
	}
}

// restriction is a restriction list that asks the policy server as we tell
// administrators to: after what Postfix itself refuses.
func restriction(list, policy string) string {
	ask := strings.ReplaceAll(packaging.PostfixPolicy(), packaging.PolicyAddress, policy)
	if list == "smtpd_recipient_restrictions" {
		return list + " = reject_unauth_destination, " + ask
	}
	return list + " = " + ask
}

// optionsFor returns all settings of a service that differ from main.cf.
func (s postfixService) optionsFor(front string, hooks Hooks) []string {
	options := slices.Clone(s.options)
	if front == FrontNone {
		return options
	}
	if front != FrontPolicy {
		options = append(options, strings.ReplaceAll(packaging.PostfixMilter(), packaging.MilterAddress, hooks.Milter))
	}
	if front != FrontMilter {
		for _, list := range s.policyIn {
			line := restriction(list, hooks.Policy)
			if s.contexts {
				line = strings.Replace(line, " }", ", policy_context="+list+" }", 1)
			}
			options = append(options, line)
		}
	}
	return options
}

// masterEntry is the master.cf(5) entry of a service, with one -o for each setting.
func masterEntry(address string, options []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s inet n - n - - smtpd\n", address)
	for _, option := range options {
		fmt.Fprintf(&b, "  -o { %s }\n", option)
	}
	return b.String()
}

// masterBase holds the services of master.cf(5) beside smtpd. None is
// chrooted: the private queue directory has no copies of the system's files.
// $ROOT is the private directory.
const masterBase = `
pickup     unix       n - n 60    1 pickup
cleanup    unix       n - n -     0 cleanup
qmgr       unix       n - n 300   1 qmgr
tlsmgr     unix       - - n 1000? 1 tlsmgr
rewrite    unix       - - n -     - trivial-rewrite
bounce     unix       - - n -     0 bounce
defer      unix       - - n -     0 bounce
trace      unix       - - n -     0 bounce
proxymap   unix       - - n -     - proxymap
proxywrite unix       - - n -     1 proxymap
error      unix       - - n -     - error
retry      unix       - - n -     - error
discard    unix       - - n -     - discard
files      unix       - n n -     - pipe
  flags=DOR user=nobody argv=$ROOT/deliver ${user}
anvil      unix       - - n -     1 anvil
showq      unix       n - n -     - showq
flush      unix       n - n 1000? 0 flush
postlog    unix-dgram n - n -     1 postlogd
`

// mainTemplate is main.cf(5). $ROOT is the private directory, $OWNER the
// numeric user and group that owns delivered mail.
//
// The cipher list admits everything that OpenSSL still has, and the protocols
// begin at TLS 1.0: refusing those is the business of the program under test.
// mynetworks leaves loopback out, as every test client comes from there.
const mainTemplate = `
compatibility_level = 3.6
queue_directory = $ROOT/queue
data_directory = $ROOT/data
maillog_file = $ROOT/maillog
maillog_file_prefixes = $ROOT

myhostname = ` + HostName + `
mydomain = ` + Domain + `
myorigin = $mydomain
append_dot_mydomain = yes
mydestination =
mynetworks = 192.0.2.255/32
inet_protocols = all
smtpd_relay_restrictions =
smtpd_recipient_restrictions = reject_unauth_destination
smtpd_error_sleep_time = 0
alias_maps =
alias_database =
relayhost =
relay_domains =
default_transport = discard
notify_classes =

virtual_mailbox_domains = ` + Domain + `
virtual_mailbox_maps = static:all
virtual_transport = files
files_destination_recipient_limit = 1

smtpd_tls_security_level = may
smtpd_tls_cert_file = $ROOT/tls/cert.pem
smtpd_tls_key_file = $ROOT/tls/key.pem
smtpd_tls_CAfile = $ROOT/tls/ca.pem
smtpd_tls_ask_ccert = yes
smtpd_tls_fingerprint_digest = sha256
smtpd_tls_protocols = >=TLSv1
smtpd_tls_ciphers = low
tls_low_cipherlist = ALL:@SECLEVEL=0
smtpd_tls_loglevel = 1
smtpd_tls_received_header = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:$AUTH
`
