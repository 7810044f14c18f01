//! THE status table. The order of the rows is the order of the checks; the thousands digit is the
//! stage. Numbers are for ever: `tests/abi/numbers.txt` is append-only.

use std::ffi::CStr;

use crate::table::{StatusRow, statuses};

// Row: doc sentence (header, docs, bindings), name, number, HTTP status, code, sentence for
// clients.
statuses! {
    /// The token is valid.
    OK 0 200 "ok" "The access token is valid.";

    /// No Authorization header, or an empty one.
    HEADER_MISSING 1001 401 "auth.authorization_header_missing"
        "The request has no Authorization header.";
    /// Not `Bearer`, blank, one token; or more than one Authorization header.
    HEADER_MALFORMED 1002 401 "auth.authorization_token_invalid_format"
        "The Authorization header must be the word Bearer, a space and one access token.";
    /// An authorization scheme other than Bearer.
    SCHEME_UNSUPPORTED 1003 401 "auth.authorization_token_type_not_supported"
        "The authorization scheme is not supported; use Bearer.";

    /// Longer than `token.max_bytes`.
    TOKEN_TOO_LARGE 2001 401 "auth.token_too_large" "The access token is too large.";
    /// No dots: an opaque token, not a JWT. Ask the provider for a JWT (audience or resource).
    TOKEN_OPAQUE 2002 401 "auth.token_opaque"
        "The access token is opaque; this API needs a signed JWT.";
    /// Five parts: an encrypted token (JWE), which nobody but its addressee can read.
    TOKEN_ENCRYPTED 2003 401 "auth.token_encrypted"
        "The access token is encrypted; this API needs a signed JWT.";
    /// Not three base64url parts of which the first two are JSON objects.
    TOKEN_MALFORMED 2004 401 "auth.token_malformed" "The access token is not a well-formed JWT.";
    /// `alg` is missing or not in `token.algorithms` (never `none`, never HS*).
    ALGORITHM_NOT_ALLOWED 2005 401 "auth.algorithm_not_allowed"
        "The signature algorithm of the access token is not allowed.";
    /// The header has `crit` or `b64`: an extension that must be understood, and none is.
    CRITICAL_UNSUPPORTED 2006 401 "auth.critical_unsupported"
        "The access token demands an extension that is not supported.";
    /// `typ` is not in `token.types`, or `cty` says that the token is nested.
    TYPE_NOT_ALLOWED 2007 401 "auth.type_not_allowed"
        "The type of the access token is not allowed.";
    /// `iss` is missing, not text, or not configured. No key was fetched for it.
    ISSUER_INVALID 2008 401 "auth.issuer_invalid"
        "The access token is not from an issuer that this API trusts.";

    /// The metadata of the issuer could not be had.
    DISCOVERY_FAILED 3001 503 "auth.discovery_failed"
        "The keys to check the access token are not available now; try again.";
    /// The metadata names another issuer than the one configured.
    DISCOVERY_ISSUER_MISMATCH 3002 503 "auth.discovery_issuer_mismatch"
        "The keys to check the access token are not available now; try again.";
    /// No key set is held that may still be used, and none could be fetched.
    KEYS_UNAVAILABLE 3003 503 "auth.keys_unavailable"
        "The keys to check the access token are not available now; try again.";
    /// The keys are not here yet: a call that does not wait would have had to.
    KEYS_PENDING 3004 503 "auth.keys_pending"
        "The keys to check the access token are being fetched; try again.";
    /// No key of that `kid`, also after a refresh.
    KEY_NOT_FOUND 3005 401 "auth.key_not_found"
        "The access token is signed by a key that its issuer does not publish.";
    /// A key of that `kid` is there, but its type, use or size does not allow this `alg`.
    KEY_UNUSABLE 3006 401 "auth.key_unusable"
        "The key that the access token names may not be used with its algorithm.";

    /// The signature is not by that key.
    SIGNATURE_INVALID 4001 401 "auth.signature_invalid"
        "The signature of the access token is invalid.";

    /// A claim that must be there is absent.
    CLAIM_MISSING 5001 401 "auth.claim_missing" "A required claim is missing in the access token.";
    /// A claim has the wrong JSON type, range or form.
    CLAIM_MALFORMED 5002 401 "auth.claim_malformed" "A claim of the access token is malformed.";
    /// An ID, refresh, logout or introspection token was sent instead of an access token.
    NOT_AN_ACCESS_TOKEN 5003 401 "auth.not_an_access_token" "The token is not an access token.";
    /// `exp` has passed, leeway included.
    TOKEN_EXPIRED 5004 401 "auth.token_expired" "The access token has expired.";
    /// `nbf` lies ahead, leeway included.
    TOKEN_NOT_YET_VALID 5005 401 "auth.token_not_yet_valid" "The access token is not valid yet.";
    /// Issued longer ago than `claims.max_age` allows.
    TOKEN_TOO_OLD 5006 401 "auth.token_too_old" "The access token was issued too long ago.";
    /// `aud` names none of `audience`.
    AUDIENCE_INVALID 5007 401 "auth.audience_invalid" "The access token is not meant for this API.";
    /// The client that got the token is not in `claims.clients`.
    CLIENT_NOT_ALLOWED 5008 401 "auth.client_not_allowed"
        "The client of the access token is not allowed here.";
    /// A claim differs from what is demanded.
    CLAIM_INVALID 5009 401 "auth.claim_invalid"
        "A claim of the access token has a value that is not accepted.";
    /// The token is bound to a key (`cnf`), and no proof of possession was checked.
    PROOF_REQUIRED 5010 401 "auth.proof_required"
        "The access token is bound to a key and cannot be used as a Bearer token.";

    /// A scope that is needed is not granted.
    SCOPE_MISSING 6001 403 "auth.insufficient_scope"
        "The access token does not have the scope that this request needs.";
    /// A role that is needed is not granted.
    ROLE_MISSING 6002 403 "auth.role_missing"
        "The access token does not have the role that this request needs.";
    /// A permission that is needed is not granted.
    PERMISSION_MISSING 6003 403 "auth.permission_missing"
        "The access token does not have the permission that this request needs.";
    /// The caller is not in a group that is needed.
    GROUP_MISSING 6004 403 "auth.group_missing"
        "The caller is not in the group that this request needs.";
    /// A claim does not have the value that the requirement asks for.
    CLAIM_NOT_GRANTED 6005 403 "auth.claim_not_granted"
        "The access token does not have the claim that this request needs.";
    /// The application's own check refused.
    CHECK_REFUSED 6006 403 "auth.check_refused" "The application refused this request.";

    /// A NULL handle, NULL with a length, an impossible length, or `out` overlaps an input.
    ARGUMENT_INVALID 7001 500 "auth.argument_invalid" "The server made a mistake in a call.";
    /// No option has this key. The log sentence names the nearest.
    OPTION_UNKNOWN 7002 500 "auth.option_unknown" "The server is not configured correctly.";
    /// The value is not of the option's type or range.
    OPTION_INVALID 7003 500 "auth.option_invalid" "The server is not configured correctly.";
    /// A required option was never set.
    OPTION_MISSING 7004 500 "auth.option_missing" "The server is not configured correctly.";
    /// The handle has verified a token: its options are fixed. Make a new handle instead.
    CONFIG_FROZEN 7005 500 "auth.config_frozen" "The server is not configured correctly.";
    /// The answer does not fit; `size` holds the bytes needed.
    OUT_TOO_SMALL 7006 500 "auth.out_too_small" "The server made a mistake in a call.";
    /// The requirement does not parse. It never means "nothing needed".
    REQUIREMENT_INVALID 7007 500 "auth.requirement_invalid"
        "The server is not configured correctly.";
    /// A defect of this library. Nothing was accepted.
    INTERNAL 7099 500 "auth.internal" "The server failed to check the access token.";
}

impl Status {
    /// The status of this number, if there is one.
    pub fn from_number(number: i32) -> Option<Status> {
        STATUSES.iter().copied().find(|status| *status as i32 == number)
    }

    /// The name for C.
    pub fn name_c(self) -> &'static CStr {
        CStr::from_bytes_with_nul(self.row().name_c.as_bytes()).unwrap_or(c"UNKNOWN")
    }
}

impl Default for Status {
    /// What was not judged was not accepted.
    fn default() -> Status {
        Status::INTERNAL
    }
}
