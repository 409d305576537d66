-- One recipient of a message is refused, and the message goes to the others.
-- log: msg=decision action=accept recipient=b@example.com
-- log: msg=decision action=reject recipient=strict@example.com rule="a strict mailbox"
-- log: msg=decision action=accept recipient=c@example.com
local s = dofile(lib .. "/session.lua")

local conn = s.open()
s.mail(conn, "a@elsewhere.example", "TLSv1.1", "ECDHE-RSA-AES256-SHA")
s.rcpt(conn, "b@example.com")
s.rcpt(conn, "strict@example.com", SMFIR_REPLYCODE)
s.rcpt(conn, "c@example.com")
s.message(conn, { { "Subject", "test" } })
s.check("refused", mt.getreply(conn) ~= SMFIR_REPLYCODE and mt.getreply(conn) ~= SMFIR_TEMPFAIL)
mt.disconnect(conn)
