package auth

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"
	"unicode/utf8"
)

// json makes the document that the library loads: what is set, by the keys of docs/options.md. An
// error is what JSON or whole seconds cannot say.
func (o Options) json() (string, error) {
	members, err := members("", reflect.ValueOf(o))
	if err != nil {
		return "", err
	}
	document, err := json.Marshal(members)
	return string(document), err
}

func members(prefix string, options reflect.Value) (map[string]any, error) {
	all := map[string]any{}
	for i := range options.NumField() {
		field, key := options.Field(i), options.Type().Field(i).Tag.Get("option")
		if field.IsZero() {
			continue
		}
		member, err := member(prefix+key, field)
		if err != nil {
			return nil, err
		}
		all[key] = member
	}
	return all, nil
}

func member(key string, field reflect.Value) (any, error) {
	switch set := field.Interface().(type) {
	case time.Duration:
		if set < 0 || set%time.Second != 0 {
			return nil, fmt.Errorf("%s is %v, not a whole number of seconds from 0 on", key, set)
		}
		return int64(set / time.Second), nil
	case string:
		// JSON would write another text in place of bytes that are none.
		if !utf8.ValidString(set) {
			return nil, fmt.Errorf("%s is not UTF-8", key)
		}
		return set, nil
	}
	switch field.Kind() {
	case reflect.Pointer:
		return member(key, field.Elem())
	case reflect.Struct:
		return members(key+".", field)
	case reflect.Slice:
		all := make([]any, field.Len())
		for i := range all {
			element, err := member(fmt.Sprintf("%s[%d]", key, i), field.Index(i))
			if err != nil {
				return nil, err
			}
			all[i] = element
		}
		return all, nil
	}
	return field.Interface(), nil
}
