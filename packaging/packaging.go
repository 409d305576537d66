// Package packaging holds what ships beside the program. The tests with real
// mail servers hook tlswarden up by these lines word for word, and the README
// shows them.
//
// # Diagnostics
//
// There is nothing here that could fail or log.
package packaging

import (
	_ "embed"
	"strings"
)

// The addresses that the snippets name.
const (
	MilterAddress = "127.0.0.1:8465"
	PolicyAddress = "127.0.0.1:10465"
)

// The unix-domain sockets that the socket units open for one mail server alone.
const (
	PostfixMilterSocket  = "/var/spool/postfix/tlswarden/milter"
	PostfixPolicySocket  = "/var/spool/postfix/tlswarden/policy"
	SendmailMilterSocket = "/run/tlswarden-sendmail/milter"
)

//go:embed postfix/milter.cf
var postfixMilter string

//go:embed postfix/policy.cf
var postfixPolicy string

//go:embed sendmail/tlswarden.m4
var sendmailMilter string

// PostfixMilter is the line of main.cf that hooks a milter up; see Postfix's
// MILTER_README.
func PostfixMilter() string { return strings.TrimSpace(postfixMilter) }

// PostfixPolicy is the restriction that asks the policy service; see Postfix's
// SMTPD_POLICY_README.
func PostfixPolicy() string { return strings.TrimSpace(postfixPolicy) }

// SendmailMilter is the line of sendmail.mc that hooks a milter up; see
// Sendmail's libmilter/README.
func SendmailMilter() string { return strings.TrimSpace(sendmailMilter) }
