// Claims as request headers for what is behind nginx, and no such header from the client.
#include "bearer.h"

// X-User, x_user and X.User are one header to an upstream that makes HTTP_X_USER of all of them,
// so the client's own is known by its letters and digits alone.
ngx_uint_t bearer_same_header(const ngx_str_t *one, const ngx_str_t *other) {
  if (one->len != other->len) return 0;
  for (size_t i = 0; i < one->len; i++) {
    u_char a = ngx_tolower(one->data[i]), b = ngx_tolower(other->data[i]);
    ngx_uint_t a_plain = (a >= 'a' && a <= 'z') || (a >= '0' && a <= '9');
    ngx_uint_t b_plain = (b >= 'a' && b <= 'z') || (b >= '0' && b <= '9');
    if (a_plain != b_plain || (a_plain && a != b)) return 0;
  }
  return 1;
}

ngx_int_t bearer_has_control(const u_char *text, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (text[i] < 0x20 || text[i] == 0x7f) return 1;
  return 0;
}

static ngx_uint_t is_forwarded(ngx_array_t *forwards, const ngx_str_t *name) {
  bearer_forward *forward = forwards->elts;
  for (ngx_uint_t i = 0; i < forwards->nelts; i++)
    if (bearer_same_header(&forward[i].header, name)) return 1;
  return 0;
}

// Those that stay are copied to a new list. The old one is kept in the pool: nginx has pointers
// into it for the headers that it reads itself, none of which can be a forwarded one. The list of
// a subrequest shares its parts with that of its parent: one more header would be in both.
static ngx_int_t clear(ngx_http_request_t *r, ngx_array_t *forwards) {
  ngx_uint_t found = 0;
  ngx_list_part_t *part;
  for (part = &r->headers_in.headers.part; part != NULL; part = part->next) {
    ngx_table_elt_t *header = part->elts;
    for (ngx_uint_t i = 0; i < part->nelts; i++) found += is_forwarded(forwards, &header[i].key);
  }
  if (found == 0 && r == r->main) return NGX_OK;
  ngx_list_part_t old = r->headers_in.headers.part;
  if (ngx_list_init(&r->headers_in.headers, r->pool, 20, sizeof(ngx_table_elt_t)) != NGX_OK)
    return NGX_ERROR;
  for (part = &old; part != NULL; part = part->next) {
    ngx_table_elt_t *header = part->elts;
    for (ngx_uint_t i = 0; i < part->nelts; i++) {
      if (is_forwarded(forwards, &header[i].key)) continue;
      ngx_table_elt_t *kept = ngx_list_push(&r->headers_in.headers);
      if (kept == NULL) return NGX_ERROR;
      *kept = header[i];
    }
  }
  return NGX_OK;
}

// Why a value cannot be a header; NULL when it can. auth_claim gives what is no text as its JSON:
// a text that reads like an object, an array, null or a quoted text counts as one. A blank at an
// end would be lost on the way, and another value arrive.
static const char *cannot_be_sent(const ngx_str_t *value) {
  if (value->len == 0) return "is empty";
  u_char first = value->data[0], last = value->data[value->len - 1];
  if (bearer_has_control(value->data, value->len)) return "holds a control byte";
  if (first == '{' || first == '[' || first == '"') return "is not text, number or boolean";
  if (value->len == 4 && ngx_strncmp(value->data, "null", 4) == 0)
    return "is not text, number or boolean";
  if (first == ' ' || last == ' ') return "begins or ends with a blank";
  return NULL;
}

static ngx_int_t send_claim(ngx_http_request_t *r, bearer_forward *forward,
                            const auth_verdict *verdict) {
  const char *claims = auth_text_of(verdict, verdict->claims);
  const char *path = (const char *)forward->path.data;
  size_t length = auth_claim(claims, verdict->claims.length, path, NULL, 0);
  if (length == SIZE_MAX) return NGX_OK; // absent: the header stays cleared
  ngx_str_t value = {length, ngx_pnalloc(r->pool, length + 1)};
  if (value.data == NULL) return NGX_ERROR;
  (void)auth_claim(claims, verdict->claims.length, path, (char *)value.data, length + 1);
  const char *why = cannot_be_sent(&value);
  if (why != NULL) {
    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "auth_bearer: %V is not sent: the claim %V %s", &forward->header, &forward->path,
                  why);
    return NGX_OK;
  }
  ngx_table_elt_t *header = ngx_list_push(&r->headers_in.headers);
  if (header == NULL) return NGX_ERROR;
  ngx_memzero(header, sizeof *header);
  header->key = forward->header;
  header->lowcase_key = forward->lowcase;
  header->hash = forward->hash;
  header->value = value;
  return NGX_OK;
}

ngx_int_t bearer_forward_claims(ngx_http_request_t *r, ngx_array_t *forwards,
                                const auth_verdict *verdict) {
  if (forwards == NULL) return NGX_OK;
  if (clear(r, forwards) != NGX_OK) return NGX_ERROR;
  // A value that nginx remembers of $http_HEADER is that of before.
  bearer_forward *forward = forwards->elts;
  for (ngx_uint_t i = 0; i < forwards->nelts; i++) {
    ngx_http_variable_value_t *known = &r->variables[forward[i].variable];
    known->valid = known->not_found = 0;
  }
  if (verdict == NULL) return NGX_OK;
  for (ngx_uint_t i = 0; i < forwards->nelts; i++)
    if (send_claim(r, &forward[i], verdict) != NGX_OK) return NGX_ERROR;
  return NGX_OK;
}
