package auth

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tables.go against the library's own tables.

type tableRow struct {
	Number     Status
	Name, Code string
	HTTPStatus int `json:"http_status"`
	Message    string
}

type tableOption struct{ Key, Type string }

func tables(t *testing.T) (all struct {
	Statuses []tableRow
	Options  []tableOption
}) {
	if err := json.Unmarshal(newTestHandle(t).tell(opTables), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func newTestHandle(t *testing.T) *handle {
	h, err := newHandle()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.leave)
	return h
}

func TestStatusesAreTheLibrarys(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "tables.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	// By the name of the library, which has a `_` between the words.
	constants := map[string]Status{}
	ast.Inspect(file, func(node ast.Node) bool {
		if spec, ok := node.(*ast.ValueSpec); ok {
			number, _ := strconv.Atoi(spec.Values[0].(*ast.BasicLit).Value)
			constants[strings.ToUpper(spec.Names[0].Name)] = Status(number)
		}
		return true
	})
	wanted := map[string]Status{}
	for _, row := range tables(t).Statuses {
		if row.Number == 0 {
			continue
		}
		wanted[strings.ReplaceAll(row.Name, "_", "")] = row.Number
		if row.Number.Error() != row.Message {
			t.Errorf("%s: %s", row.Name, row.Number.Error())
		}
	}
	if !maps.Equal(constants, wanted) || len(wanted) < 40 {
		t.Errorf("%v, not %v", constants, wanted)
	}
	if Status(1).Error() == "" {
		t.Error("a status that is newer than this package has no sentence")
	}
}

func TestOptionsAreTheLibrarys(t *testing.T) {
	types := map[string]reflect.Type{}
	fields("", reflect.TypeFor[Options](), types)
	for _, option := range tables(t).Options {
		if got := types[option.Key]; got != typeOf(option) {
			t.Errorf("%s (%s) is %v", option.Key, option.Type, got)
		}
		delete(types, option.Key)
	}
	if len(types) != 0 {
		t.Errorf("no options: %v", slices.Sorted(maps.Keys(types)))
	}
}

func fields(prefix string, of reflect.Type, types map[string]reflect.Type) {
	for i := range of.NumField() {
		field := of.Field(i)
		key := prefix + field.Tag.Get("option")
		if field.Type.Kind() == reflect.Struct {
			fields(key+".", field.Type, types)
			continue
		}
		types[key] = field.Type
	}
}

func typeOf(option tableOption) reflect.Type {
	is := func(prefix string) bool { return strings.HasPrefix(option.Type, prefix) }
	switch {
	case option.Key == "issuer":
		return reflect.TypeFor[string]()
	case is("list"), is("requirement"):
		return reflect.TypeFor[[]string]()
	case is("duration, 0s"):
		return reflect.TypeFor[*time.Duration]()
	case is("duration"):
		return reflect.TypeFor[time.Duration]()
	case is("size"):
		return reflect.TypeFor[int]()
	case is("JSON array of objects"):
		return reflect.TypeFor[[]IssuerOptions]()
	}
	return reflect.TypeFor[string]()
}
