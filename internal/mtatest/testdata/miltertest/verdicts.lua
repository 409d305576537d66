-- Rejected, deferred and accepted at RCPT, by the TLS macros of MAIL.
-- log: msg=decision action=reject sender=a@reject.example tls=TLSv1.1 client=198.51.100.7 code=554
-- log: msg=decision action=defer sender=a@defer.example tls=TLSv1.1 code=451
-- log: msg=decision action=accept sender=a@reject.example tls=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384
-- log: msg=decision action=accept sender=a@elsewhere.example tls=TLSv1.1
local s = dofile(lib .. "/session.lua")

local function try(sender, version, cipher, expected)
	local conn = s.open()
	s.mail(conn, sender, version, cipher)
	s.rcpt(conn, "b@example.com", expected)
	if expected == SMFIR_CONTINUE then
		s.message(conn, {}, nil)
		s.check("not accepted", mt.getreply(conn) == SMFIR_ACCEPT or mt.getreply(conn) == SMFIR_CONTINUE)
		s.check("a header was added", not mt.eom_check(conn, MT_HDRINSERT) and not mt.eom_check(conn, MT_HDRADD))
	end
	mt.disconnect(conn)
end

try("a@reject.example", "TLSv1.1", "ECDHE-RSA-AES256-SHA", SMFIR_REPLYCODE)
try("a@defer.example", "TLSv1.1", "ECDHE-RSA-AES256-SHA", SMFIR_REPLYCODE)
try("a@reject.example", "TLSv1.3", "TLS_AES_256_GCM_SHA384", SMFIR_CONTINUE)
try("a@elsewhere.example", "TLSv1.1", "ECDHE-RSA-AES256-SHA", SMFIR_CONTINUE)
