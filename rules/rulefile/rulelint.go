package rulefile

import (
	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

// suppliers reports the facts that nobody can ever supply: no enabled front end,
// or no authserv-id that is trusted.
func (l *loader) suppliers(r *tomlfile.Reader, rule *rules.Rule) {
	if rule.OnUnknown.Known() {
		return
	}
	for _, f := range rules.Fields() {
		if !rule.Needs().Has(f.ID) {
			continue
		}
		milter, policy := !l.opts.NoMilter && f.Supply.Milter(), !l.opts.NoPolicy && f.Supply.Policy()
		switch {
		case !milter && !policy:
			who := "the policy service"
			if f.Supply.Milter() {
				who = "the milter"
			}
			r.Errorf(r.Pos(), "enable it, or set on_unknown", "the rule needs %s, which only %s can supply, and it is not enabled", f.Name, who)
		case ofOthers.Has(f.ID) && len(l.config.Trusted) == 0:
			r.Errorf(r.Pos(), "set trusted_authserv_ids in [message], or on_unknown", "the rule needs %s, and no authserv-id is trusted to tell it", f.Name)
		}
	}
}

// ofVerified are the facts that Postfix tells by the names in a certificate.
var ofVerified = rules.SetOf(rules.FieldCertVerified, rules.FieldCertSubject, rules.FieldCertIssuer)

// nameless warns where no policy service tells of certificates that name nobody.
func (l *loader) nameless(r *tomlfile.Reader, rule *rules.Rule) {
	if need := rule.Needs() & ofVerified; need != 0 && l.opts.NoPolicy {
		r.Warnf(r.Pos(), "enable the policy service beside the milter, unless the mail server is Sendmail",
			"the rule needs %s: Postfix does not tell a milter of a verified certificate without common name and organization, which is taken for none", need.Names())
	}
}

// ofOthers are the facts that Authentication-Results of others tell.
var ofOthers = rules.SetOf(rules.FieldMessageSPF, rules.FieldMessageDKIM, rules.FieldMessageDMARC)

// lint warns of what is in order and yet hardly meant.
func (l *loader) lint(r *tomlfile.Reader, rule *rules.Rule) {
	does := rule.Does()
	if !rule.MayDo(rules.Defer) && !rule.MayDo(rules.Reject) && (rule.Code != 0 || rule.Status != "" || rule.Reply != nil) {
		r.Warnf(r.Pos(), "", "code, status and reply have no effect where nothing is deferred or rejected")
	}
	if rule.Tag != "" && !rule.MayDo(rules.Tag) && !rule.MayDo(rules.Quarantine) {
		r.Warnf(r.Pos(), "", "tag has no effect where nothing is tagged or quarantined")
	}
	if does == rules.Quarantine && l.looksAt(rule)&ofRecipient != 0 {
		r.Warnf(r.Pos(), "", "quarantine by recipient holds the message for all its recipients")
	}
	if rule.MayDo(rules.Reject) && rule.OnlyTemporary() {
		r.Warnf(r.Pos(), "write action = \"defer\"", "never rejects: it applies only to temporary errors, which are deferred at most")
	}
	if rule.Exempts() {
		claims(r, l.looksAt(rule), "be exempt")
	}
}

// ofRecipient are the facts in which the recipients of a message differ.
var ofRecipient = rules.SetOf(rules.FieldRecipient, rules.FieldRecipientDomain)

// ofSender are the facts that whoever sends mail can claim.
var ofSender = rules.SetOf(rules.FieldSender, rules.FieldSenderDomain)

// claims warns of an exemption by what anyone can claim or arrange for: a sender,
// or that some domain passed. SPF alone looks at the envelope sender, and so ties
// the two; a signature, and the author's domain, may be anybody's.
func claims(r *tomlfile.Reader, need rules.FieldSet, what string) {
	passes := need & ofOthers
	switch {
	case need == 0 || need&^(ofSender|ofOthers) != 0:
	case passes == 0:
		r.Warnf(r.Pos(), "add a condition on client or tls", "anyone can claim the sender and %s", what)
	case need&ofSender == 0:
		r.Warnf(r.Pos(), "add a condition on client or tls", "anyone can %s: what passed (%s) may be a domain of theirs", what, passes.Names())
	case !passes.Has(rules.FieldMessageSPF):
		r.Warnf(r.Pos(), "add a condition on client or tls, or message.spf = \"pass\", which is about the envelope sender",
			"anyone can claim the sender and %s: what passed (%s) may be another domain", what, passes.Names())
	}
}
