-- A message is put into quarantine, and the next one on the connection is not.
-- log: msg=decision action=quarantine sender=a@quarantine.example tls=TLSv1.1
-- log: msg=decision action=accept sender=a@elsewhere.example tls=TLSv1.1
local s = dofile(lib .. "/session.lua")

local conn = s.open()
s.mail(conn, "a@quarantine.example", "TLSv1.1", "ECDHE-RSA-AES256-SHA")
s.rcpt(conn, "b@example.com")
s.message(conn, { { "Subject", "test" } })
s.check("not in quarantine", mt.eom_check(conn, MT_QUARANTINE))

s.mail(conn, "a@elsewhere.example", "TLSv1.1", "ECDHE-RSA-AES256-SHA")
s.rcpt(conn, "b@example.com")
s.message(conn, { { "Subject", "test" } })
s.check("in quarantine", not mt.eom_check(conn, MT_QUARANTINE))
mt.disconnect(conn)
