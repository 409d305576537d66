-- A tagged message gets one header, above all others, and those of our name
-- that came from outside go. One that was good enough only loses the latter.
-- log: msg=decision action=tag sender=a@tag.example tls=TLSv1.1
-- log: msg=decision action=accept sender=a@tag.example tls=TLSv1.3
local s = dofile(lib .. "/session.lua")

local fields = {
	{ "X-TLS-Policy", "pass; forged" }, { "Subject", "test" }, { "X-Other", "stays" }, { "x-tls-policy", "pass; again" },
}

local conn = s.open()
s.mail(conn, "a@tag.example", "TLSv1.1", "ECDHE-RSA-AES256-SHA")
s.rcpt(conn, "b@example.com")
s.message(conn, fields)
s.check("no header", mt.eom_check(conn, MT_HDRINSERT, "X-TLS-Policy"))
local value = mt.getheader(conn, "X-TLS-Policy", 0)
s.check("header " .. tostring(value), value ~= nil and value:find("^ ?fail; TLSv1.1") ~= nil)
s.check("not above all others", mt.eom_check(conn, MT_HDRINSERT, "X-TLS-Policy", value, 0))
s.check("forged ones stay", mt.eom_check(conn, MT_HDRDELETE, "X-TLS-Policy"))
s.check("others go", not mt.eom_check(conn, MT_HDRDELETE, "X-Other"))
mt.disconnect(conn)

conn = s.open()
s.mail(conn, "a@tag.example", "TLSv1.3", "TLS_AES_256_GCM_SHA384")
s.rcpt(conn, "b@example.com")
s.message(conn, fields)
s.check("a header", not mt.eom_check(conn, MT_HDRINSERT))
s.check("forged ones stay", mt.eom_check(conn, MT_HDRDELETE, "X-TLS-Policy"))
mt.disconnect(conn)
