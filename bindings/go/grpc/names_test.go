package authgrpc_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	authgrpc "github.com/libauth/libauth/bindings/go/grpc"
)

// made gives what making the interceptors of a kind panics with: nil when they are made.
func made(kind string, options authgrpc.Options) (wrong any) {
	defer func() { wrong = recover() }()
	if kind == "unary" {
		authgrpc.UnaryServerInterceptor(nil, options)
	} else {
		authgrpc.StreamServerInterceptor(nil, options)
	}
	return nil
}

func TestANameThatNoMethodCanHaveIsRefusedAtOnce(t *testing.T) {
	for _, name := range []string{
		"", "/", "*", "/*", "//*", "/*/*", "/*/Check", "//Check", "Check", "/Check", "/x.Y/", "x.Y/Check",
		"//x.Y/Check", "/x.Y//Check", "/x.Y/Check/", "/x.Y/Ch*", "/x.*/Check", "/x.Y/**", "/x.Y/*/", "/x.Y", "api/x.Y/Check",
		" /x.Y/Check", "/x.Y/Check ", "/x.Y/Ch eck", "/x.Y/Check\n", "https://api.example/x.Y/Check",
	} {
		both := map[string]authgrpc.Options{
			"Methods": {Methods: map[string]string{name: "read"}},
			"Exclude": {Exclude: []string{"/x.Y/Check", name}},
		}
		for field, options := range both {
			for kind := range calls {
				wrong := fmt.Sprint(made(kind, options))
				if !strings.Contains(wrong, field) || !strings.Contains(wrong, fmt.Sprintf("%q", name)) {
					t.Errorf("%s of %s with %q: %s", field, kind, name, wrong)
				}
			}
		}
	}
	for kind := range calls {
		if wrong := made(kind, authgrpc.Options{Methods: map[string]string{"/x.Y/*": "read"}}); wrong == nil {
			t.Error("Methods takes a wildcard, which it would not understand")
		}
		for _, name := range []string{"/Y/Check", "/x.Y/Check", "/x.v1.Y_2/check"} {
			if wrong := made(kind, authgrpc.Options{Methods: map[string]string{name: "read"}}); wrong != nil {
				t.Error(wrong)
			}
			if wrong := made(kind, authgrpc.Options{Exclude: []string{name, "/x.Z/*"}}); wrong != nil {
				t.Error(wrong)
			}
		}
	}
}

func TestAMethodIsNotBothExcludedAndAskedSomething(t *testing.T) {
	for _, name := range []string{"/x.Y/Check", "/x.Y/*"} {
		options := authgrpc.Options{Methods: map[string]string{"/x.Y/Check": "read"}, Exclude: []string{name}}
		for kind := range calls {
			if wrong := fmt.Sprint(made(kind, options)); !strings.Contains(wrong, `"/x.Y/Check"`) {
				t.Errorf("%s: %s", name, wrong)
			}
		}
	}
}

func TestNamesThatTheServerDoesNotHave(t *testing.T) {
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, &service{})
	for _, options := range []authgrpc.Options{
		{},
		{Methods: map[string]string{healthpb.Health_Check_FullMethodName: "read", healthpb.Health_Watch_FullMethodName: ""}},
		{Exclude: []string{healthpb.Health_Watch_FullMethodName}},
		{Exclude: []string{"/grpc.health.v1.Health/*"}},
	} {
		if err := options.CheckNames(server); err != nil {
			t.Error(err)
		}
	}
	for name, options := range map[string]authgrpc.Options{
		"/grpc.health.v1.Health/check":  {Methods: map[string]string{"/grpc.health.v1.Health/check": "read"}},
		"/grpc.health.v1.Healthy/Check": {Exclude: []string{"/grpc.health.v1.Healthy/Check"}},
		"/grpc.health.v1.Healthy/*":     {Exclude: []string{"/grpc.health.v1.Health/*", "/grpc.health.v1.Healthy/*"}},
		"/health.v1.Health/*":           {Exclude: []string{"/health.v1.Health/*"}},
	} {
		if err := options.CheckNames(server); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	two := authgrpc.Options{Methods: map[string]string{"/a.B/C": "read"}, Exclude: []string{"/d.E/F", "/grpc.health.v1.Health/Check"}}
	if err := two.CheckNames(server); err == nil || !strings.Contains(err.Error(), `"/a.B/C", "/d.E/F"`) {
		t.Errorf("both are named: %v", err)
	}
	if err := (authgrpc.Options{Exclude: []string{"/x.Y/Check"}}).CheckNames(grpc.NewServer()); err == nil {
		t.Error("a server without services has no such method")
	}
}
