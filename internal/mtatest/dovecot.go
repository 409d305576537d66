package mtatest

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"sync"
)

// Password is the password of every user of the servers under test.
const Password = "secret"

// authServer answers Postfix as Dovecot's authentication service does, for
// the mechanism PLAIN and any user with Password. It saves installing a SASL
// library with its plugins and database.
//
// Source: the Dovecot authentication protocol 1.1, and what Postfix uses of it
// (postconf(5), smtpd_sasl_type = dovecot).
type authServer struct {
	listener net.Listener
	group    sync.WaitGroup
	mu       sync.Mutex
	conns    map[net.Conn]bool
}

func startAuthServer() (*authServer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("authentication server: %w", err)
	}
	server := &authServer{listener: listener, conns: map[net.Conn]bool{}}
	server.group.Go(server.accept)
	return server, nil
}

func (a *authServer) accept() {
	for {
		conn, err := a.listener.Accept()
		if err != nil {
			return // stop closed the listener
		}
		a.mu.Lock()
		a.conns[conn] = true
		a.mu.Unlock()
		a.group.Go(func() {
			a.serve(conn)
			a.mu.Lock()
			delete(a.conns, conn)
			a.mu.Unlock()
			_ = conn.Close() // it is done with, whatever Close says
		})
	}
}

// serve greets the client and answers its requests until either side ends.
func (a *authServer) serve(conn net.Conn) {
	greeting := "VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\n" +
		"COOKIE\t00112233445566778899aabbccddeeff\nDONE\n"
	if _, err := conn.Write([]byte(greeting)); err != nil {
		return
	}
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if reply := authReply(lines.Text()); reply != "" {
			if _, err := conn.Write([]byte(reply)); err != nil {
				return
			}
		}
	}
}

// authReply answers one line of the client. VERSION and CPID want no answer.
func authReply(line string) string {
	fields := strings.Split(line, "\t")
	if fields[0] != "AUTH" || len(fields) < 3 {
		return ""
	}
	id, mechanism := fields[1], fields[2]
	for _, field := range fields[3:] {
		response, found := strings.CutPrefix(field, "resp=")
		if !found || mechanism != "PLAIN" {
			continue
		}
		// RFC 4616: authorization identity, user, password, separated by NUL.
		decoded, err := base64.StdEncoding.DecodeString(response)
		parts := strings.Split(string(decoded), "\x00")
		if err == nil && len(parts) == 3 && parts[2] == Password && !strings.ContainsAny(parts[1], "\t\n") {
			return "OK\t" + id + "\tuser=" + parts[1] + "\n"
		}
	}
	return "FAIL\t" + id + "\treason=wrong user or password\n"
}

func (a *authServer) stop() {
	_ = a.listener.Close() // it only stops accepting
	a.mu.Lock()
	for conn := range a.conns {
		_ = conn.Close() // ends its serve
	}
	a.mu.Unlock()
	a.group.Wait()
}
