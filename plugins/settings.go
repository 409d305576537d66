package plugins

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"tlswarden/plugins/proto"
)

// Settings are the plugin's own table of the daemon's configuration.
type Settings struct{ json []byte }

// NewSettings makes settings of a JSON object; nil is an empty one.
func NewSettings(object []byte) Settings { return Settings{json: object} }

// Decode puts the settings into a struct whose fields carry the keys:
//
//	type settings struct {
//		Table   string           `json:"table"`
//		Timeout plugins.Duration `json:"timeout"`
//	}
//
// What the settings lack stays as it is. A key that the struct lacks, and a value
// of another type, is a [Problem]; all unknown keys are told at once.
func (s Settings) Decode(into any) error {
	if len(s.json) == 0 {
		return nil
	}
	var keys map[string]any
	if err := json.Unmarshal(s.json, &keys); err != nil {
		return fmt.Errorf("the settings are no JSON object: %w", err)
	}
	found := checkKeys(reflect.TypeOf(into), keys, "")
	err := json.Unmarshal(s.json, into)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		found = append(found, Problem(wrong.Field, "takes %s, not %s", kindOf(wrong.Type), wrong.Value))
	case len(found) == 0:
		return err
	}
	return errors.Join(found...)
}

// Problem is an error of one key of the settings, by its path: "table", or
// "query.column". The daemon tells the admin the line.
func Problem(key, format string, args ...any) error {
	return &problem{key: key, message: fmt.Sprintf(format, args...)}
}

type problem struct{ key, message string }

func (p *problem) Error() string { return p.key + ": " + p.message }

// problems takes an error apart into those of single keys.
func problems(err error) []*proto.Problem {
	switch e := err.(type) {
	case nil:
		return nil
	case *problem:
		return []*proto.Problem{{Key: e.key, Message: oneLine(e.message)}}
	case interface{ Unwrap() []error }:
		var all []*proto.Problem
		for _, one := range e.Unwrap() {
			all = append(all, problems(one)...)
		}
		return all
	}
	var inner *problem
	if errors.As(err, &inner) {
		return []*proto.Problem{{Key: inner.key, Message: oneLine(inner.message)}}
	}
	return []*proto.Problem{{Message: oneLine(err.Error())}}
}

// Duration is a length of time in settings, a text such as "500ms" or "2s".
type Duration time.Duration

// UnmarshalText reads the form of [time.ParseDuration].
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no duration such as \"2s\"", text)
	}
	*d = Duration(v)
	return nil
}

// checkKeys are problems of the keys that a struct does not name, which the package
// json would take in another case or ignore, and of texts that are no durations,
// of which it does not tell the place.
func checkKeys(t reflect.Type, keys map[string]any, path string) []error {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	var found []error
	fields := fieldTypes(t)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		field, ok := fields[key]
		if !ok {
			found = append(found, Problem(path+key, "unknown key"))
			continue
		}
		switch value := keys[key].(type) {
		case map[string]any:
			found = append(found, checkKeys(field, value, path+key+".")...)
		case string:
			if err := new(Duration).UnmarshalText([]byte(value)); err != nil && field == reflect.TypeFor[Duration]() {
				found = append(found, Problem(path+key, "%v", err))
			}
		}
	}
	return found
}

// fieldTypes are the types of a struct's fields by the keys that they carry.
func fieldTypes(t reflect.Type) map[string]reflect.Type {
	types := map[string]reflect.Type{}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name = f.Name
		}
		if f.IsExported() && name != "-" {
			types[name] = f.Type
		}
	}
	return types
}

// kindOf names a Go type as admins know it.
func kindOf(t reflect.Type) string {
	if t == reflect.TypeFor[Duration]() {
		return "a duration such as \"2s\""
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "a table"
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "a whole number"
}
