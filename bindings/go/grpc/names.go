package authgrpc

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"google.golang.org/grpc"
)

// CheckNames returns an error that names what Methods and Exclude have and the server has not: what
// is misspelt there asks nothing, or opens nothing. Call it once all services are registered.
func (o Options) CheckNames(server interface {
	GetServiceInfo() map[string]grpc.ServiceInfo
}) error {
	known := map[string]bool{}
	for service, info := range server.GetServiceInfo() {
		known["/"+service+"/*"] = true
		for _, method := range info.Methods {
			known["/"+service+"/"+method.Name] = true
		}
	}
	var unknown []string
	for _, name := range slices.Concat(slices.Sorted(maps.Keys(o.Methods)), o.Exclude) {
		if !known[name] {
			unknown = append(unknown, fmt.Sprintf("%q", name))
		}
	}
	if unknown == nil {
		return nil
	}
	return fmt.Errorf("authgrpc: the server does not have %s", strings.Join(unknown, ", "))
}

// mustBeNames panics for a name that no method can have, and for a method that Exclude would open
// although Methods asks something of it.
func (o *Options) mustBeNames() {
	for name := range o.Methods {
		if service, method := split(name); service == "" || method == "*" {
			panic(fmt.Sprintf("authgrpc: Methods has %q, which is not /package.Service/Method", name))
		}
	}
	for _, name := range o.Exclude {
		if service, _ := split(name); service == "" {
			panic(fmt.Sprintf("authgrpc: Exclude has %q, which is not /package.Service/Method nor /package.Service/*", name))
		}
	}
	for name := range o.Methods {
		if o.excluded(name) {
			panic(fmt.Sprintf("authgrpc: %q is in Methods, and Exclude opens it", name))
		}
	}
}

// split gives the service and the method of a full name, or nothing. The method may be `*`.
func split(name string) (service, method string) {
	parts := strings.Split(name, "/")
	if len(parts) != 3 || parts[0] != "" || strings.ContainsFunc(name, unicode.IsSpace) {
		return "", ""
	}
	service, method = parts[1], parts[2]
	if service == "" || method == "" || strings.Contains(service+strings.TrimSuffix("/"+method, "/*"), "*") {
		return "", ""
	}
	return service, method
}

func (o *Options) excluded(method string) bool {
	service, _ := split(method)
	return slices.Contains(o.Exclude, method) || slices.Contains(o.Exclude, "/"+service+"/*")
}
