-- Plaintext is deferred until an encrypted session was seen, then rejected.
-- log: msg=decision action=defer sender=before@reject.example tls=none code=450
-- log: msg=decision action=accept sender=a@reject.example tls=TLSv1.3
-- log: msg=decision action=reject sender=after@reject.example tls=none code=530
local s = dofile(lib .. "/session.lua")

local conn = s.open()
s.mail(conn, "before@reject.example")
s.rcpt(conn, "b@example.com", SMFIR_REPLYCODE)
mt.disconnect(conn)

conn = s.open()
s.mail(conn, "a@reject.example", "TLSv1.3", "TLS_AES_256_GCM_SHA384")
s.rcpt(conn, "b@example.com")
mt.disconnect(conn)

conn = s.open()
s.mail(conn, "after@reject.example")
s.rcpt(conn, "b@example.com", SMFIR_REPLYCODE)
mt.disconnect(conn)
