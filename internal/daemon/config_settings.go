package daemon

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"tlswarden/internal/tomlfile"
)

// settingsJSON renders a plugin's own table. Dates and times become strings as
// TOML writes them.
func settingsJSON(r *tomlfile.Reader, t *tomlfile.Table) []byte {
	out, err := json.Marshal(jsonOf(r, t, t.Pos))
	if err != nil { // what cannot be marshalled was reported
		return []byte("{}")
	}
	return out
}

func jsonOf(r *tomlfile.Reader, v any, pos tomlfile.Pos) any {
	switch v := v.(type) {
	case *tomlfile.Table:
		object := map[string]any{}
		for _, e := range v.Entries {
			object[e.Key] = jsonOf(r, e.Value, e.Pos)
		}
		return object
	case []*tomlfile.Table:
		array := []any{}
		for _, t := range v {
			array = append(array, jsonOf(r, t, t.Pos))
		}
		return array
	case tomlfile.Array:
		array := []any{}
		for _, e := range v {
			array = append(array, jsonOf(r, e.Value, e.Pos))
		}
		return array
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			r.Errorf(pos, "", "settings: JSON, in which the plugin gets them, has no %v", v)
			return nil
		}
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case tomlfile.LocalDate:
		return v.In(time.UTC).Format(time.DateOnly)
	case tomlfile.LocalDateTime:
		return v.In(time.UTC).Format("2006-01-02T15:04:05.999999999")
	case tomlfile.LocalTime:
		return time.Date(0, 1, 1, v.Hour, v.Minute, v.Second, v.Nanosecond, time.UTC).Format("15:04:05.999999999")
	}
	return v
}

// settingPos is where a setting stands that the plugin finds fault with, by the
// keys to it: "query.column", or "tables.0.file" within an array. If there is no
// such key, it is where the table stands that lacks it.
func (p *Plugin) settingPos(path string) tomlfile.Pos {
	if p.settings == nil {
		return p.pos
	}
	at, pos := any(p.settings), p.settings.Pos
	for _, key := range strings.FieldsFunc(path, func(c rune) bool { return c == '.' || c == '[' || c == ']' }) {
		var ok bool
		if at, pos, ok = within(at, pos, key); !ok {
			break
		}
	}
	return pos
}

// within goes to an entry of a table, or to an element by its number from 0.
func within(v any, pos tomlfile.Pos, key string) (any, tomlfile.Pos, bool) {
	if t, ok := v.(*tomlfile.Table); ok {
		if e, ok := t.Get(key); ok {
			return e.Value, e.Pos, true
		}
		return nil, pos, false
	}
	i, err := strconv.Atoi(key)
	if err != nil || i < 0 {
		return nil, pos, false
	}
	switch v := v.(type) {
	case []*tomlfile.Table:
		if i < len(v) {
			return v[i], v[i].Pos, true
		}
	case tomlfile.Array:
		if i < len(v) {
			return v[i].Value, v[i].Pos, true
		}
	}
	return nil, pos, false
}
