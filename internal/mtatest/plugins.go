package mtatest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Plugins are the plugins that ship, with what they look at: a name server, a table
// of partners, and a table of domains that are only sent encrypted mail.
type Plugins struct {
	// Dir has the programs and tables.
	Dir   string
	names *Names
}

// What the plugins look at.
const (
	pluginNames = `_mta-sts.news.example. 300 IN TXT "v=STSv1; id=20260101"
_smtp._tls.news.example. 300 IN TXT "v=TLSRPTv1; rua=mailto:tls@news.example"
dane.example. 300 IN MX 10 mx.dane.example.
_25._tcp.mx.dane.example. 300 IN TLSA 3 1 1 8cb0fc6c527506a053f4f14c8464bebbd6dede2738d11468dd953d7d6a3021f1
`
	pluginPartners = `sender_domain,   tier,   exempt
bank.example,    strict, no
dentist.example, lax,    yes
`
	pluginOutbound = `.clinic.example encrypt
`
)

// pluginConfig has the directory of the plugins, thrice, and the name server.
const pluginConfig = `
[plugin.lookup]
path = "%[1]s/lookup"
[plugin.lookup.settings]
driver  = "csv"
file    = "%[1]s/partners.csv"
key     = ["sender_domain"]
facts   = { tier = "name", exempt = "boolean" }
default = { tier = "", exempt = false }

[plugin.dns]
path     = "%[1]s/dns"
settings = { resolvers = ["%[2]s"] }

[plugin.outbound]
path = "%[1]s/exec-example/exec_example.py"
mtls = false
[plugin.outbound.settings]
command = ["%[1]s/exec-example/outbound-tls", "%[1]s/tls_policy"]
facts   = { level = "name" }
`

// InstallPlugins copies what "make plugins" has built in a directory to one that
// nobody else can write, and starts the name server.
func InstallPlugins(from string) (p *Plugins, err error) {
	p = &Plugins{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	if p.Dir, err = os.MkdirTemp("", "tlswarden-plugins-"); err != nil {
		return p, err
	}
	if err := os.CopyFS(p.Dir, os.DirFS(from)); err != nil {
		return p, err
	}
	// The copies have the modes of the originals, which others may write to.
	for _, name := range []string{"lookup", "dns", "exec-example", "exec-example/exec_example.py", "exec-example/outbound-tls"} {
		if err := os.Chmod(filepath.Join(p.Dir, name), 0o755); err != nil {
			return p, err
		}
	}
	for name, text := range map[string]string{"partners.csv": pluginPartners, "tls_policy": pluginOutbound} {
		if err := os.WriteFile(filepath.Join(p.Dir, name), []byte(text), 0o600); err != nil {
			return p, err
		}
	}
	p.names, err = StartNames(pluginNames)
	return p, err
}

// Config is what configures the plugins in tlswarden.toml.
func (p *Plugins) Config() string { return fmt.Sprintf(pluginConfig, p.Dir, p.names.Address) }

// Tables are the tables that the plugins look at, for people.
func (p *Plugins) Tables() string {
	return "partners.csv:\n" + pluginPartners + "\ntls_policy:\n" + pluginOutbound + "\nthe DNS:\n" + pluginNames
}

// Close ends the name server and removes the copies.
func (p *Plugins) Close() error {
	var err error
	if p.names != nil {
		err = p.names.Stop()
	}
	if p.Dir != "" {
		err = errors.Join(err, os.RemoveAll(p.Dir))
	}
	return err
}
