-- A server of milter version 2 sends every step and its own macros: the TLS
-- ones with HELO. A session whose TLS nobody tells of is unknown, not plaintext.
-- log: msg=decision action=reject sender=a@reject.example tls=TLSv1.1
-- log: msg=decision action=accept sender=b@reject.example tls=TLSv1.3
-- log: msg=decision action=defer sender=c@reject.example tls=unknown
local s = dofile(lib .. "/session.lua")

-- SMFI_V2_ACTS and SMFI_V2_PROT of libmilter.
local actions, steps = 63, 127

local function try(sender, version, cipher, expected)
	local conn = s.open(2, actions, steps)
	s.check("asks for macros", not mt.test_action(conn, SMFIF_SETSYMLIST))
	if version then
		mt.macro(conn, SMFIC_HELO, "{tls_version}", version, "{cipher}", cipher, "{cipher_bits}", "256")
		s.done(conn, "helo", mt.helo(conn, "client.example.org"), SMFIR_CONTINUE)
	end
	mt.macro(conn, SMFIC_MAIL, "i", "4Zq1")
	s.done(conn, "mail", mt.mailfrom(conn, "<" .. sender .. ">"), SMFIR_CONTINUE)
	s.rcpt(conn, "b@example.com", expected)
	mt.disconnect(conn)
end

try("a@reject.example", "TLSv1.1", "ECDHE-RSA-AES256-SHA", SMFIR_REPLYCODE)
try("b@reject.example", "TLSv1.3", "TLS_AES_256_GCM_SHA384", SMFIR_CONTINUE)
try("c@reject.example", nil, nil, SMFIR_REPLYCODE)
