package authgrpc

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	auth "github.com/libauth/libauth/bindings/go"
)

// Domain of the ErrorInfo in a refusal.
const Domain = "libauth"

// Error returns err as a status error of gRPC: Unauthenticated for what is 401 in HTTP,
// PermissionDenied for 403, Unavailable for 503, else Internal; DeadlineExceeded or Canceled where
// the call ended while keys were awaited. The message is the sentence for the
// client. The details are an ErrorInfo, with the code as its reason (TOKEN_EXPIRED), and `code` and
// `challenge` as metadata, and a RetryInfo where it is worth trying again. An error that is not of
// libauth is Internal, without its text; a nil *auth.Error is one.
func Error(err error) error {
	if err == nil {
		return nil
	}
	var refusal *auth.Error
	if !errors.As(err, &refusal) || refusal == nil {
		return status.Error(codes.Internal, "The call could not be authorized.")
	}
	told := status.New(code(refusal), refusal.Error())
	reason := strings.ToUpper(strings.TrimPrefix(refusal.Code, "auth."))
	info := &errdetails.ErrorInfo{Reason: reason, Domain: Domain, Metadata: map[string]string{"code": refusal.Code}}
	if refusal.Challenge != "" {
		info.Metadata["challenge"] = refusal.Challenge
	}
	details := []protoadapt.MessageV1{info}
	if refusal.RetryAfter > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(refusal.RetryAfter)})
	}
	if detailed, err := told.WithDetails(details...); err == nil {
		told = detailed
	}
	return told.Err()
}

func code(refusal *auth.Error) codes.Code {
	switch {
	case errors.Is(refusal, context.DeadlineExceeded): // while keys were awaited
		return codes.DeadlineExceeded
	case errors.Is(refusal, context.Canceled):
		return codes.Canceled
	case refusal.HTTPStatus == 401:
		return codes.Unauthenticated
	case refusal.HTTPStatus == 403:
		return codes.PermissionDenied
	case refusal.HTTPStatus == 503:
		return codes.Unavailable
	default:
		return codes.Internal
	}
}

// A refusal is information, trouble with the provider a warning, a mistake of the server an error.
func log(ctx context.Context, method string, err error) {
	level, attributes := slog.LevelError, []any{"method", method}
	var refusal *auth.Error
	if errors.As(err, &refusal) {
		attributes = append(attributes, "code", refusal.Code, "reason", refusal.Log)
		switch refusal.HTTPStatus {
		case 401, 403:
			level = slog.LevelInfo
		case 503:
			level = slog.LevelWarn
		}
	}
	slog.Log(ctx, level, "libauth refused a call", attributes...)
}
