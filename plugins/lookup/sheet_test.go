package main

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"unicode/utf16"

	"tlswarden/plugins"
	"tlswarden/plugins/plugintest"
)

// sheetSettings are those of a table as partners have it.
func sheetSettings(t *testing.T, content string) (map[string]any, string) {
	t.Helper()
	file := write(t, "sheet.csv", content)
	return map[string]any{"driver": "csv", "file": file, "key": []string{"sender_domain"}, "facts": map[string]any{"tier": "name", "exempt": "boolean", "n": "number", "since": "time"}}, file
}

// TestSheets shows that what spreadsheets save is read.
func TestSheets(t *testing.T) {
	inZone(t, "UTC")
	const plain = "sender_domain,tier,exempt,n,since\nbank.example,strict,TRUE,7,2026-01-02\nother.example,,FALSE,,\n"
	crlf := strings.ReplaceAll(plain, "\n", "\r\n")
	for name, content := range map[string]string{
		"CSV":                 crlf,
		"CSV UTF-8":           "\ufeff" + crlf,
		"semicolons":          strings.ReplaceAll(crlf, ",", ";"),
		"bars":                strings.ReplaceAll(crlf, ",", "|"),
		"tabs":                strings.ReplaceAll(crlf, ",", "\t"),
		"sep=;":               "sep=;\r\n" + strings.ReplaceAll(crlf, ",", ";"),
		"sep=, with a mark":   "\ufeffsep=,\r\n" + crlf,
		"sep, in quotes":      "\"sep=;\"\r\n" + strings.ReplaceAll(crlf, ",", ";"),
		"SEP=|":               "SEP=|\r\n" + strings.ReplaceAll(crlf, ",", "|"),
		"sep=tab":             "sep=\t\n" + strings.ReplaceAll(plain, ",", "\t"),
		"Macintosh":           strings.ReplaceAll(plain, "\n", "\r"),
		"Macintosh, with ;":   strings.NewReplacer("\n", "\r", ",", ";").Replace("\ufeff" + plain),
		"quoted":              "\"sender_domain\",\"tier\",\"exempt\",\"n\",\"since\"\n\"bank.example\",\"strict\",\"true\",\"7\",\"2026-01-02\"\n\"other.example\",\"\",\"no\",\"\",\"\"\n",
		"empty rows":          crlf + ",,,,\r\n\r\n , ,\u00a0,,\r\n,,,,\r\n",
		"empty rows between":  strings.Replace(crlf, "other", ",,,,\r\n,,\r\nother", 1),
		"empty columns":       strings.ReplaceAll(crlf, "\r\n", ",,,\r\n"),
		"empty, of rows":      strings.ReplaceAll(crlf, "02\r\n", "02,, \r\n"),
		"empty ;":             strings.ReplaceAll(strings.ReplaceAll(crlf, ",", ";"), "\r\n", ";;\r\n") + ";;;;;;\r\n",
		"blanks around":       strings.ReplaceAll(plain, ",", "\u00a0,\u00a0 "),
		"comments before":     "# partners, of the year; \n#\n" + strings.ReplaceAll(plain, ",", ";"),
		"no end of line":      strings.TrimSpace(plain),
		"columns of others":   strings.NewReplacer("since\n", "since,M\u00fcller; a\n", "02\n", "02,\"x, y\"\n", ",,\n", ",,,\xfc\n").Replace(plain),
		"upper case":          strings.Replace(plain, "bank.example", "BANK.Example.", 1),
		"a key of several ;":  strings.Replace(strings.ReplaceAll(crlf, ",", ";"), "strict", "\"strict\"", 1),
		"booleans of Windows": strings.Replace(crlf, "TRUE", "True", 1),
	} {
		t.Run(name, func(t *testing.T) {
			set, _ := sheetSettings(t, content)
			p := plugintest.Run(t, plugin(), text(t, set))
			got, err := p.Lookup(t.Context(), plugins.Facts{"sender_domain": "bank.example"})
			day, _ := moment("2026-01-02")
			if want := (plugins.Facts{"found": true, "tier": "strict", "exempt": true, "n": int64(7), "since": day}); err != nil || len(got) != len(want) || got["tier"] != "strict" || got["exempt"] != true || got["n"] != int64(7) || fmt.Sprint(got["since"]) != fmt.Sprint(day.Local()) {
				t.Errorf("%v, %v; want %v", got, err, want)
			}
			got, err = p.Lookup(t.Context(), plugins.Facts{"sender_domain": "other.example"})
			if want := (plugins.Facts{"found": true, "exempt": false}); err != nil || !maps.Equal(got, want) {
				t.Errorf("%v, %v; want %v", got, err, want)
			}
			if got, err := p.Lookup(t.Context(), plugins.Facts{"sender_domain": ""}); err != nil || got["found"] != false {
				t.Errorf("without a domain: %v, %v", got, err)
			}
		})
	}
}

// inUTF16 is a text in UTF-16, as Excel saves "Unicode Text".
func inUTF16(text, mark string, big bool) string {
	out := []byte(mark)
	for _, c := range utf16.Encode([]rune(text)) {
		if big {
			out = append(out, byte(c>>8), byte(c))
		} else {
			out = append(out, byte(c), byte(c>>8))
		}
	}
	return string(out)
}

// TestSheetHints shows what is said of sheets that are not read, all lines at once.
func TestSheetHints(t *testing.T) {
	const head, utf16Hint = "sender_domain,tier,exempt,n,since\n", `: is in UTF-16; save it as "CSV UTF-8", or convert it: iconv -f UTF-16 -t UTF-8`
	const bookHint = `: is a workbook of a spreadsheet; save it as "CSV UTF-8"`
	semicolons := strings.ReplaceAll(head, ",", ";")
	for name, c := range map[string]struct {
		content string
		want    []string
	}{
		"UTF-16":             {inUTF16(head, "\xff\xfe", false), []string{utf16Hint}},
		"UTF-16, other end":  {inUTF16(head, "\xfe\xff", true), []string{utf16Hint}},
		"UTF-16, no mark":    {inUTF16(head, "", false), []string{utf16Hint}},
		"UTF-16BE, no mark":  {inUTF16(head, "", true), []string{utf16Hint}},
		"xlsx":               {"PK\x03\x04...", []string{bookHint}},
		"xls":                {"\xd0\xcf\x11\xe0...", []string{bookHint}},
		"another separator":  {strings.ReplaceAll(head, ",", ":"), []string{`: the first line must name the column "sender_domain" once; it names ["sender_domain:tier:exempt:n:since"]`}},
		"a column twice":     {"sender_domain,tier,exempt,n,since,tier\n", []string{`: the first line must name the column "tier" once; it names ["sender_domain" "tier" "exempt" "n" "since" "tier"]`}},
		"another language":   {semicolons + "a.example;x;WAHR;1;\n", []string{`: line 2 (columns are separated by ';'): exempt: "WAHR"` + wantBoolean}},
		"a day":              {semicolons + "a.example;x;;1;30.06.2027\n", []string{`: line 2 (columns are separated by ';'): since: "30.06.2027" is not a time; write 2027-06-30`}},
		"of America":         {head + "a.example,x,,1,6/30/2027\n", []string{`: line 2: since: "6/30/2027" is not a time; write 2027-06-30`}},
		"thousands":          {head + "a.example,x,,\"1,500\",\n", []string{`: line 2: n: "1,500"` + wantNumber}},
		"a fraction":         {semicolons + "a.example;x;;1,5;\n", []string{`: line 2 (columns are separated by ';'): n: "1,5"` + wantNumber}},
		"scientific":         {head + "a.example,x,,1.23457E+15,\n", []string{`: line 2: n: "1.23457E+15"` + wantNumber}},
		"Windows-1252":       {head + "b.example,x,,,\nm\xfcller.example,x,,1,\n", []string{`: line 3: sender_domain "m\xfcller.example" is not in UTF-8; convert the file: iconv -f WINDOWS-1252 -t UTF-8`}},
		"1252 in a value":    {head + "a.example,gr\xfcn,,1,\n", []string{`: line 2: tier: "gr\xfcn" is not in UTF-8; convert it: iconv -f WINDOWS-1252 -t UTF-8`}},
		"a blank within":     {head + "ba\u00a0nk.example,x,,1,\n", []string{`: line 2: sender_domain "ba\u00a0nk.example" has a character that is not visible, U+00A0; write it without`}},
		"no key, but a tier": {head + ",strict,,,\n,,,,\n", []string{`: line 2: sender_domain "" is empty; write what the row is for, or remove the row`}},
		"nothing to see":     {head + "a.example,\ufeffstrict,,1,\n", []string{`: line 2: tier: "\ufeffstrict" has a character that is not visible, U+FEFF; write it without`}},
		"a value too many":   {head + "a.example,x,,1,2027-06-30,y\n", []string{`: line 2: has 6 values for 5 columns; a value with the separator in it stands between double quotes`}},
		"several": {head + "a.example,x,maybe,1,\nb.example,x,yes,1,\nb.example,x,yes,one,\n\"c,x,,,\n", []string{
			`: line 2: exempt: "maybe"` + wantBoolean, `: line 4: n: "one"` + wantNumber, `: line 5: "\"c,x,,,"` + wantQuotes}},
		"very many": {head + strings.Repeat("a,x,maybe,,\n", 50), func() (all []string) {
			for i := range maxTold {
				all = append(all, fmt.Sprintf(`: line %d: exempt: "maybe"`, i+2)+wantBoolean)
			}
			return all
		}()},
	} {
		t.Run(name, func(t *testing.T) {
			set, file := sheetSettings(t, c.content)
			err := plugintest.Configure(t, plugin(), text(t, set))
			var want []string
			for _, line := range c.want {
				want = append(want, "file: "+file+line)
			}
			if err == nil || err.Error() != strings.Join(want, "\n") {
				t.Errorf("%v\nwant %s", err, strings.Join(want, "\n"))
			}
		})
	}
}
