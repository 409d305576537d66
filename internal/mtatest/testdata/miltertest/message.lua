-- A rule that looks at the message is answered at its end, with a reply of its
-- own. The body is asked for, and a message whose structure says that it is
-- encrypted passes.
-- log: msg=decision action=reject sender=a@message.example recipient=b@example.com code=554
-- log: msg=decision action=accept sender=b@message.example recipient=b@example.com
-- log: msg=decision action=accept sender=c@message.example tls=TLSv1.3
local s = dofile(lib .. "/session.lua")

local plain = { { "Subject", "test" }, { "Content-Type", "text/plain" } }
local smime = {
	{ "Subject", "test" }, { "MIME-Version", "1.0" },
	{ "Content-Type", 'application/pkcs7-mime; smime-type=enveloped-data; name="smime.p7m"' },
}

local conn = s.open()
s.check("does without the body", not mt.test_option(conn, SMFIP_NOBODY))
s.mail(conn, "a@message.example", "TLSv1.1", "ECDHE-RSA-AES256-SHA")
s.rcpt(conn, "b@example.com")
s.message(conn, plain, SMFIR_REPLYCODE)
s.check("another reply", mt.eom_check(conn, MT_SMTPREPLY, "554", "5.7.0", "100%% of messages"))

s.mail(conn, "b@message.example", "TLSv1.1", "ECDHE-RSA-AES256-SHA")
s.rcpt(conn, "b@example.com")
s.message(conn, smime)
s.check("refused", mt.getreply(conn) ~= SMFIR_REPLYCODE and mt.getreply(conn) ~= SMFIR_TEMPFAIL)

s.mail(conn, "c@message.example", "TLSv1.3", "TLS_AES_256_GCM_SHA384")
s.rcpt(conn, "b@example.com")
s.message(conn, plain)
s.check("refused", mt.getreply(conn) ~= SMFIR_REPLYCODE and mt.getreply(conn) ~= SMFIR_TEMPFAIL)
mt.disconnect(conn)
