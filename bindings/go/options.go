package auth

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"
	"unicode/utf8"
)

// json makes the document that the library loads: what is set, by the keys of docs/options.md. What
// JSON or whole seconds cannot say is told as a mistake.
func (o Options) json() (document, mistake string) {
	members := map[string]any{}
	if mistake := collect(members, reflect.ValueOf(o)); mistake != "" {
		return "", mistake
	}
	text, err := json.Marshal(members)
	if err != nil {
		return "", err.Error()
	}
	return string(text), ""
}

func collect(members map[string]any, options reflect.Value) (mistake string) {
	for i := range options.NumField() {
		value, key := options.Field(i), options.Type().Field(i).Tag.Get("option")
		if value.IsZero() {
			continue
		}
		switch set := value.Interface().(type) {
		case time.Duration:
			members[key], mistake = seconds(key, set)
		case *time.Duration:
			members[key], mistake = seconds(key, *set)
		case string:
			members[key], mistake = texts(key, set, set)
		case []string:
			members[key], mistake = texts(key, set, set...)
		case []IssuerOptions:
			members[key], mistake = entries(set)
		case int:
			members[key] = set
		default:
			mistake = collect(members, value)
		}
		if mistake != "" {
			return mistake
		}
	}
	return ""
}

func entries(issuers []IssuerOptions) (list []map[string]any, mistake string) {
	list = make([]map[string]any, len(issuers))
	for i, issuer := range issuers {
		list[i] = map[string]any{}
		if mistake := collect(list[i], reflect.ValueOf(issuer)); mistake != "" {
			return nil, fmt.Sprintf("issuers[%d]: %s", i, mistake)
		}
	}
	return list, ""
}

func seconds(key string, set time.Duration) (whole int64, mistake string) {
	if set < 0 || set%time.Second != 0 {
		return 0, fmt.Sprintf("%s is %v, not a whole number of seconds from 0 on", key, set)
	}
	return int64(set / time.Second), ""
}

// JSON would write another text in place of bytes that are none.
func texts(key string, set any, all ...string) (same any, mistake string) {
	for _, text := range all {
		if !utf8.ValidString(text) {
			return nil, key + " is not UTF-8"
		}
	}
	return set, ""
}
