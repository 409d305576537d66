package rulefile

import (
	"fmt"
	"slices"
	"strings"

	"tlswarden/internal/tlsname"
	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

// profile is a profile of the files, or a built-in one.
type profile struct {
	name    string
	table   *tomlfile.Table
	built   *rules.Profile
	builtin bool
	open    bool // being built: to meet it again is a cycle
	used    bool
}

func (l *loader) takeProfiles(t *tomlfile.Table) {
	for _, e := range t.Entries {
		pt, ok := e.Value.(*tomlfile.Table)
		switch at, twice := l.profiles[e.Key]; {
		case !ok:
			l.found.Errorf(e.Pos, "write [profile.NAME] above it", "profile %q must be a table, not %s", e.Key, tomlfile.KindName(e.Value))
		case twice && at.builtin:
			l.found.Errorf(e.Pos, "give yours another name, and base = "+quote(e.Key), "profile %q is built in", e.Key)
		case twice:
			l.found.Errorf(e.Pos, "", "profile %q stands at %s:%d already", e.Key, at.table.Pos.File, at.table.Pos.Line)
		default:
			l.profiles[e.Key] = &profile{name: e.Key, table: pt}
		}
	}
}

// sortedProfiles returns the profiles of the files in their order.
func (l *loader) sortedProfiles() []*profile {
	var ps []*profile
	for _, p := range l.profiles {
		if !p.builtin {
			ps = append(ps, p)
		}
	}
	slices.SortFunc(ps, func(a, b *profile) int { return strings.Compare(a.name, b.name) })
	return ps
}

// compileProfile builds a profile once, and its bases before it.
func (l *loader) compileProfile(p *profile) *rules.Profile {
	if p.built != nil {
		return p.built
	}
	p.open = true
	r := tomlfile.Read(p.table, "profile "+quote(p.name)+": ", &l.found)
	built := &rules.Profile{}
	if base, pos, ok := r.String("base"); ok {
		if b := l.base(r, base, pos); b != nil {
			copied := *b
			built = &copied
		}
	}
	built.Name, built.About = p.name, nil
	l.strength(r, built)
	l.certificate(r, built)
	r.Done()
	p.built, p.open = built, false
	return built
}

func (l *loader) base(r *tomlfile.Reader, name string, pos tomlfile.Pos) *rules.Profile {
	b := l.profiles[name]
	if b == nil {
		r.Errorf(pos, tomlfile.DidYouMean(name, l.profileNames()), "there is no profile %q to start from", name)
		return nil
	}
	if b.open {
		r.Errorf(pos, "", "base leads back to %q in a circle", name)
		return nil
	}
	b.used = true
	return l.compileProfile(b)
}

// strength reads the keys about version and cipher suite.
func (l *loader) strength(r *tomlfile.Reader, p *rules.Profile) {
	l.minVersion(r, p)
	if n, pos, ok := r.Int("min_bits"); ok {
		if n < 0 || n > 256 {
			r.Errorf(pos, "", "min_bits must be from 0 to 256, not %d", n)
		}
		p.MinBits = int(n)
	}
	if b, _, ok := r.Bool("forward_secrecy"); ok {
		p.ForwardSecrecy = b
	}
	if b, _, ok := r.Bool("aead"); ok {
		p.AEAD = b
	}
	l.setOf(r, "ciphers", rules.KindCipher, &p.Ciphers)
	l.setOf(r, "forbid_ciphers", rules.KindCipher, &p.ForbidCiphers)
}

func (l *loader) minVersion(r *tomlfile.Reader, p *rules.Profile) {
	e, there := r.Entry("min_version")
	if !there {
		return
	}
	text, ok := e.Value.(string)
	if !ok {
		text = fmt.Sprint(e.Value)
	}
	v, known := tlsname.ParseVersion(text)
	if !ok || !known || v == tlsname.Plaintext {
		hint := ""
		if meant := rules.MeantVersion(text); meant != "" {
			hint = "write min_version = " + quote(meant)
		}
		r.Errorf(e.Pos, hint, "min_version takes one of %s, in quotes, not %v", strings.Join(tlsname.Versions()[1:], ", "), text)
		return
	}
	p.MinVersion = v
}

// certificate reads the keys about the client's certificate.
func (l *loader) certificate(r *tomlfile.Reader, p *rules.Profile) {
	if s, pos, ok := r.String("client_cert"); ok {
		switch s {
		case "any":
			p.ClientCert = rules.CertAny
		case "trusted":
			p.ClientCert = rules.CertTrusted
		default:
			r.Errorf(pos, tomlfile.DidYouMean(s, []string{"any", "trusted"}), "client_cert must be any or trusted, not %q", s)
		}
	}
	l.setOf(r, "cert_names", rules.KindName, &p.CertNames)
	l.setOf(r, "cert_issuers", rules.KindName, &p.CertIssuers)
	l.setOf(r, "cert_fingerprints", rules.KindFingerprint, &p.CertFingerprints)
	l.setOf(r, "cert_key_fingerprints", rules.KindFingerprint, &p.CertKeyFingerprints)
}

func (l *loader) setOf(r *tomlfile.Reader, key string, kind rules.Kind, to **rules.Set) {
	if a, ok := r.Strings(key); ok {
		e, _ := r.Entry(key)
		*to = l.set(setOf{kind: kind}, a, r, e)
	}
}

func (l *loader) profileNames() []string {
	var names []string
	for name := range l.profiles {
		names = append(names, name)
	}
	return names
}

// unused warns of lists and profiles that nothing names.
func (l *loader) unused() {
	for _, li := range l.lists {
		if len(li.sets) == 0 && len(li.entries) > 0 {
			l.found.Warnf(li.pos, "", "list %q is never used", li.name)
			l.implausible(li)
		}
	}
	for _, p := range l.profiles {
		if !p.used && !p.builtin {
			l.found.Warnf(p.table.Pos, "", "profile %q is never used", p.name)
		}
	}
}
