-- Runs the script that the global of that name says. miltertest(8) ends with
-- status 1 at an error, but does not tell what it was.
local fine, message = xpcall(dofile, debug.traceback, script)
if not fine then
	io.stderr:write(message, "\n")
	os.exit(1)
end
