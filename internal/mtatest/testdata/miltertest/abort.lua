-- Nothing of an aborted message is left for the next one on the connection:
-- neither its sender nor its TLS nor its tag.
-- log: msg=decision action=reject sender=a@reject.example tls=TLSv1.1
-- log: msg=decision action=tag sender=a@tag.example tls=TLSv1.1
-- log: msg=decision action=accept sender=a@tag.example tls=TLSv1.3
-- log: msg=decision action=reject sender=b@reject.example tls=none
local s = dofile(lib .. "/session.lua")

local conn = s.open()
s.mail(conn, "a@reject.example", "TLSv1.1", "ECDHE-RSA-AES256-SHA")
s.rcpt(conn, "b@example.com", SMFIR_REPLYCODE)
s.done(conn, "abort", mt.abort(conn))

s.mail(conn, "a@tag.example", "TLSv1.1", "ECDHE-RSA-AES256-SHA")
s.rcpt(conn, "b@example.com")
s.done(conn, "header", mt.header(conn, "Subject", "test"), SMFIR_CONTINUE)
s.done(conn, "abort", mt.abort(conn))

s.mail(conn, "a@tag.example", "TLSv1.3", "TLS_AES_256_GCM_SHA384")
s.rcpt(conn, "b@example.com")
s.message(conn, { { "Subject", "test" } })
s.check("tagged", not mt.eom_check(conn, MT_HDRINSERT))

s.mail(conn, "b@reject.example")
s.rcpt(conn, "b@example.com", SMFIR_REPLYCODE)
mt.disconnect(conn)
