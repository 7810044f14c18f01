// $auth_subject, $auth_scopes and $auth_code: empty until the access phase, and for requests that
// were not judged. The first two are empty for a refused one.
#include "bearer.h"

static ngx_int_t get(ngx_http_request_t *r, ngx_http_variable_value_t *value, uintptr_t offset) {
  value->not_found = 1;
  bearer_decision *decision = bearer_decided(r);
  if (decision == NULL) return NGX_OK;
  const auth_verdict *verdict = decision->verdict;
  auth_text text = *(const auth_text *)((const char *)verdict + offset);
  u_char *bytes = (u_char *)auth_text_of(verdict, text);
  if (text.length == 0) return NGX_OK;
  if (bearer_has_control(bytes, text.length)) {
    // proxy_set_header would write a line feed as it is, and with it headers of its own.
    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "auth_bearer: a variable is empty: the claim holds a control byte");
    return NGX_OK;
  }
  value->data = bytes;
  value->len = text.length & 0xfffffff; // 28 bits; a header is shorter
  value->valid = 1;
  value->no_cacheable = 1;
  value->not_found = 0;
  return NGX_OK;
}

ngx_int_t bearer_add_variables(ngx_conf_t *cf) {
  static struct {
    ngx_str_t name;
    uintptr_t offset;
  } const all[] = {
      {ngx_string("auth_subject"), offsetof(auth_verdict, subject)},
      {ngx_string("auth_scopes"), offsetof(auth_verdict, scopes)},
      {ngx_string("auth_code"), offsetof(auth_verdict, code)},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    ngx_str_t name = all[i].name;
    ngx_http_variable_t *variable = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
    if (variable == NULL) return NGX_ERROR;
    variable->get_handler = get;
    variable->data = all[i].offset;
  }
  return NGX_OK;
}
