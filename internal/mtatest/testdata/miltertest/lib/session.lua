-- What the scripts have in common: each function does one step of an SMTP
-- session and ends the script unless it goes well.

local session = {}

local names = {
	[SMFIR_ACCEPT] = "accept", [SMFIR_CONTINUE] = "continue", [SMFIR_DISCARD] = "discard",
	[SMFIR_REJECT] = "reject", [SMFIR_REPLYCODE] = "replycode", [SMFIR_TEMPFAIL] = "tempfail",
}

-- done fails with what if the call returned an error, or if the filter's reply
-- is not the one expected.
function session.done(conn, what, err, expected)
	if err ~= nil then
		error(what .. ": " .. err, 3)
	end
	local got = mt.getreply(conn)
	if expected ~= nil and got ~= expected then
		error(what .. ": got " .. (names[got] or got) .. ", expected " .. names[expected], 3)
	end
end

-- open connects from a public address. The arguments are what the server
-- offers in the negotiation; without them it offers all. mt.negotiate takes them
-- in another order than its manual says.
function session.open(version, actions, steps)
	local conn = mt.connect(socket)
	if conn == nil then
		error("no connection to " .. socket, 2)
	end
	session.done(conn, "negotiate", mt.negotiate(conn, version, steps, actions))
	mt.macro(conn, SMFIC_CONNECT, "j", "mx.example.com", "{client_port}", "40000",
		"{daemon_addr}", "192.0.2.1", "{daemon_port}", "25")
	session.done(conn, "connect", mt.conninfo(conn, "client.example.org", "198.51.100.7"), SMFIR_CONTINUE)
	session.done(conn, "helo", mt.helo(conn, "client.example.org"), SMFIR_CONTINUE)
	return conn
end

-- mail begins a message. TLS macros come with it if there is a version.
function session.mail(conn, sender, version, cipher)
	if version then
		mt.macro(conn, SMFIC_MAIL, "j", "mx.example.com", "{tls_version}", version, "{cipher}", cipher,
			"{cipher_bits}", "256")
	else
		mt.macro(conn, SMFIC_MAIL, "j", "mx.example.com")
	end
	session.done(conn, "mail", mt.mailfrom(conn, "<" .. sender .. ">"), SMFIR_CONTINUE)
end

function session.rcpt(conn, recipient, expected)
	session.done(conn, "rcpt " .. recipient, mt.rcptto(conn, "<" .. recipient .. ">"), expected or SMFIR_CONTINUE)
end

-- message sends header fields and a body, as far as the filter wants them, and
-- ends the message.
function session.message(conn, fields, expected)
	if not mt.test_option(conn, SMFIP_NOHDRS) then
		for _, field in ipairs(fields) do
			session.done(conn, field[1], mt.header(conn, field[1], field[2]), SMFIR_CONTINUE)
		end
	end
	if not mt.test_option(conn, SMFIP_NOEOH) then
		session.done(conn, "eoh", mt.eoh(conn), SMFIR_CONTINUE)
	end
	if not mt.test_option(conn, SMFIP_NOBODY) then
		session.done(conn, "body", mt.bodystring(conn, "text\r\n"))
		session.check("body", mt.getreply(conn) == SMFIR_CONTINUE or mt.getreply(conn) == SMFIR_SKIP)
	end
	session.done(conn, "eom", mt.eom(conn), expected)
end

-- check fails with what unless it holds.
function session.check(what, holds)
	if not holds then
		error(what, 2)
	end
end

return session
