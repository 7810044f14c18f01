// Package authgrpc protects a gRPC server with libauth: an interceptor for unary calls and one for
// streams, which share their options. Handlers ask auth.FromContext or auth.Claims for the caller.
package authgrpc

import (
	"context"
	"errors"
	"maps"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	auth "github.com/libauth/libauth/bindings/go"
)

// Options say which calls need what. The zero value: each call needs a valid token.
type Options struct {
	// Require is what every method needs: items as of Authorize.
	Require []string
	// Methods is what single methods need beside Require, by their full names, such as
	// orders.Orders_Add_FullMethodName: take the constants of the generated code, and CheckNames.
	Methods map[string]string
	// Optional lets a call without an authorization value pass, without a verdict in its context,
	// but to no method that Methods names. One with a bad value or token never passes.
	Optional bool
	// Exclude lets methods pass unseen: full names, or all of a service by "/grpc.health.v1.Health/*".
	// No method can be here and in Methods.
	Exclude []string
	// Token finds the credential elsewhere than in the metadata `authorization`: a bare token, empty
	// when there is none.
	Token func(context.Context) string
	// Check is the application's own check of an accepted token: nil, or the reason, for the log
	// alone, of a refusal (PermissionDenied).
	Check func(*auth.Verdict) error
}

// UnaryServerInterceptor returns the interceptor for unary calls; for grpc.ChainUnaryInterceptor.
// Waiting for keys ends with the deadline of the call. Panics for a name in Methods that is not
// /package.Service/Method, one in Exclude that is neither that nor /package.Service/*, and a method
// that both have.
func UnaryServerInterceptor(a *auth.Auth, options Options) grpc.UnaryServerInterceptor {
	options = options.kept()
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		ctx, err := options.authorize(ctx, a, info.FullMethod)
		if err != nil {
			return nil, Error(err)
		}
		return handle(ctx, request)
	}
}

// StreamServerInterceptor returns the interceptor for streams; for grpc.ChainStreamInterceptor. A
// stream is judged when it is opened: one that may outlive its token looks at ExpiresAt. Panics as
// UnaryServerInterceptor does.
func StreamServerInterceptor(a *auth.Auth, options Options) grpc.StreamServerInterceptor {
	options = options.kept()
	return func(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
		ctx, err := options.authorize(stream.Context(), a, info.FullMethod)
		if err != nil {
			return Error(err)
		}
		return handle(server, &judged{stream, ctx})
	}
}

// kept is a copy: what the caller changes later changes nothing.
func (o Options) kept() Options {
	o.mustBeNames()
	o.Require, o.Exclude, o.Methods = slices.Clone(o.Require), slices.Clone(o.Exclude), maps.Clone(o.Methods)
	return o
}

// A stream whose context has the verdict.
type judged struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *judged) Context() context.Context { return s.ctx }

// authorize returns the context with the verdict, or the refusal, which is logged.
func (o *Options) authorize(ctx context.Context, a *auth.Auth, method string) (context.Context, error) {
	if service, _ := split(method); service == "" {
		return nil, a.Describe(auth.ArgumentInvalid, "the method is not called /package.Service/Method")
	}
	if o.excluded(method) {
		return ctx, nil
	}
	verdict, err := o.judge(ctx, a, method)
	switch {
	case err == nil:
		return auth.NewContext(ctx, verdict), nil
	case o.Optional && !o.names(method) && errors.Is(err, auth.HeaderMissing):
		return ctx, nil
	}
	log(ctx, method, err)
	return nil, err
}

func (o *Options) names(method string) bool {
	_, named := o.Methods[method]
	return named
}

func (o *Options) judge(ctx context.Context, a *auth.Auth, method string) (*auth.Verdict, error) {
	var header string
	if o.Token != nil {
		if token := o.Token(ctx); token != "" {
			header = "Bearer " + token
		}
	} else if values := metadata.ValueFromIncomingContext(ctx, "authorization"); len(values) > 1 {
		return nil, a.Describe(auth.HeaderMalformed, "more than one authorization in the metadata")
	} else if len(values) == 1 {
		header = values[0]
	}
	require := o.Require
	if more, named := o.Methods[method]; named {
		require = append(slices.Clip(require), more)
	}
	verdict, err := a.Authorize(ctx, header, require...)
	if err != nil {
		return nil, err
	}
	if o.Check != nil {
		if reason := o.Check(verdict); reason != nil {
			return nil, a.Describe(auth.CheckRefused, reason.Error())
		}
	}
	return verdict, nil
}
