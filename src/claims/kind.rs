//! Is it an access token at all?

use crate::json::Field;
use crate::status::Status;
use crate::token::Token;
use crate::verdict::Refusal;

/// RFC 8725 3.12: kinds of JWT must not be taken for one another. Many access tokens carry no type
/// of their own, so what tells other kinds is looked for.
pub fn access_token(token: &Token) -> Result<(), Refusal> {
    let payload = &token.payload;
    let refuse = |log: &'static str| Err(Refusal::new(Status::NOT_AN_ACCESS_TOKEN, log));
    let is = |field: &Field, word: &str| match field {
        Field::Text(text) => text.eq_ignore_ascii_case(word),
        _ => false,
    };
    if is(&payload.typ, "ID") || is(&payload.token_use, "id") {
        return refuse("an ID token was sent; send the access token");
    }
    let kinds = [&payload.typ, &payload.token_use, &payload.token_type, &payload.kind];
    for word in ["refresh", "offline", "logout"] {
        if kinds.iter().any(|field| is(field, word)) {
            return refuse("a refresh, offline or logout token was sent; send the access token");
        }
    }
    if matches!(payload.events, Field::Object) {
        return refuse("a logout or security event token was sent (`events`)");
    }
    if matches!(payload.token_introspection, Field::Object) {
        return refuse("a token introspection answer was sent (`token_introspection`)");
    }
    // Keycloak before 25 and Dex put `nonce` into access tokens: the rest has to agree.
    let present = |field: &Field| !matches!(field, Field::Absent);
    let id_like = [&payload.nonce, &payload.at_hash, &payload.c_hash].into_iter().any(present);
    let access_like = [&payload.scope, &payload.scp, &payload.client_id].into_iter().any(present);
    if id_like && !access_like && !is(&payload.typ, "Bearer") && !token.is_at_jwt {
        return refuse(
            "an ID token was sent (nonce, at_hash or c_hash, and no scope or client_id)",
        );
    }
    Ok(())
}
