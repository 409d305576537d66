-- A server that cannot leave steps out sends unknown commands and DATA too.
-- They change nothing, wherever they come.
-- log: msg=decision action=reject sender=a@reject.example tls=TLSv1.1
-- log: msg=decision action=accept sender=a@reject.example tls=TLSv1.3
local s = dofile(lib .. "/session.lua")

local conn = s.open(6, nil, SMFIP_SKIP)
s.check("leaves a step out", not mt.test_option(conn, SMFIP_NOUNKNOWN))
s.done(conn, "unknown", mt.unknown(conn, "XYZZY"), SMFIR_CONTINUE)
s.mail(conn, "a@reject.example", "TLSv1.1", "ECDHE-RSA-AES256-SHA")
s.done(conn, "unknown", mt.unknown(conn, "XYZZY %s \r\nMAIL FROM:<x@example.org>"), SMFIR_CONTINUE)
s.rcpt(conn, "b@example.com", SMFIR_REPLYCODE)
s.done(conn, "abort", mt.abort(conn))

s.mail(conn, "a@reject.example", "TLSv1.3", "TLS_AES_256_GCM_SHA384")
s.rcpt(conn, "b@example.com")
s.done(conn, "data", mt.data(conn), SMFIR_CONTINUE)
s.message(conn, { { "Subject", "test" } })
mt.disconnect(conn)
