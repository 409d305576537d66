-- The filter asks for what it needs and for no more: macros of its own choice,
-- permission for what its rules can do, and every step in which it can answer.
local s = dofile(lib .. "/session.lua")

local conn = mt.connect(socket)
s.check("no connection", conn ~= nil)
s.done(conn, "negotiate", mt.negotiate(conn, nil, nil, nil))
s.check("no macros of its own", mt.test_action(conn, SMFIF_SETSYMLIST))
s.check("adds no header", mt.test_action(conn, SMFIF_ADDHDRS))
s.check("removes no header", mt.test_action(conn, SMFIF_CHGHDRS))
s.check("does not quarantine", mt.test_action(conn, SMFIF_QUARANTINE))
s.check("wants to change the body", not mt.test_action(conn, SMFIF_CHGBODY))
s.check("wants to add recipients", not mt.test_action(conn, SMFIF_ADDRCPT))
s.check("wants to remove recipients", not mt.test_action(conn, SMFIF_DELRCPT))
for _, step in ipairs({ SMFIP_NOCONNECT, SMFIP_NOHELO, SMFIP_NOMAIL, SMFIP_NORCPT, SMFIP_NOHDRS }) do
	s.check("does without a step that it needs", not mt.test_option(conn, step))
end
s.check("wants the body", mt.test_option(conn, SMFIP_NOBODY))
s.check("leaves replies out", not mt.test_option(conn, SMFIP_NR_RCPT))
mt.disconnect(conn)
