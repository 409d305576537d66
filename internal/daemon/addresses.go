package daemon

import (
	"tlswarden/internal/mailaddr"
	"tlswarden/internal/tomlfile"
)

// reads reads the keys of a listen entry that tell how the mail server which asks
// there reads addresses. They have the names of postconf(5).
func reads(r *tomlfile.Reader) mailaddr.Server {
	s := mailaddr.Server{Origin: domainKey(r, "origin", "myorigin"), MyDomain: domainKey(r, "mydomain", "mydomain")}
	if yes, pos, ok := r.Bool("append_dot_mydomain"); ok {
		s.AppendDotMyDomain = mailaddr.No
		if yes {
			s.AppendDotMyDomain = mailaddr.Yes
		}
		if yes && s.MyDomain == "" {
			r.Errorf(pos, "add mydomain = \"example.com\", which postconf -hx mydomain prints", "append_dot_mydomain needs mydomain, the domain that is appended")
		}
	}
	if yes, _, ok := r.Bool("swap_bangpath"); ok {
		s.KeepBangpath = !yes
	}
	if yes, _, ok := r.Bool("allow_percent_hack"); ok {
		s.KeepPercent = !yes
	}
	return s
}

// domainKey reads a key whose value is a domain name, that of a parameter of Postfix.
func domainKey(r *tomlfile.Reader, key, parameter string) string {
	name, pos, ok := r.String(key)
	if !ok {
		return ""
	}
	if !mailaddr.IsDomain(name) {
		r.Errorf(pos, "write what postconf -hx "+parameter+" prints, such as example.com", "%s must be a domain name, not %q", key, name)
		return ""
	}
	return name
}
