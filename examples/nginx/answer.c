// The answer to a refused request: libauth's status, challenge and problem body.
#include "bearer.h"

static ngx_http_output_header_filter_pt next_filter;

// Has the operator a page of his own for this status? nginx then does not send ours.
static ngx_uint_t has_error_page(ngx_http_request_t *r, ngx_http_core_loc_conf_t *core,
                                 ngx_int_t status) {
  if (core->error_pages == NULL || (r->error_page && !core->recursive_error_pages)) return 0;
  ngx_http_err_page_t *page = core->error_pages->elts;
  for (ngx_uint_t i = 0; i < core->error_pages->nelts; i++)
    if (page[i].status == status) return 1;
  return 0;
}

ngx_int_t bearer_refuse(ngx_http_request_t *r, bearer_decision *decision) {
  auth_verdict *verdict = decision->verdict;
  ngx_http_core_loc_conf_t *core = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
  if (r == r->main) decision->refused = 1;
  if (r != r->main) decision->refused_part = 1;
  // With `satisfy any` another module may still say yes; a subrequest's answer is its parent's.
  if (r != r->main || core->satisfy == NGX_HTTP_SATISFY_ANY ||
      has_error_page(r, core, verdict->http_status))
    return verdict->http_status;
  ngx_str_t type = ngx_string("application/problem+json");
  ngx_http_complex_value_t body;
  ngx_memzero(&body, sizeof body);
  body.value.data = (u_char *)auth_text_of(verdict, verdict->problem);
  body.value.len = verdict->problem.length;
  // NGX_OK of an access handler lets the request in, so the request is ended here.
  ngx_http_finalize_request(r, ngx_http_send_response(r, verdict->http_status, &type, &body));
  return NGX_DONE;
}

static ngx_table_elt_t *add_header(ngx_http_request_t *r, char *name, u_char *value,
                                   size_t length) {
  ngx_table_elt_t *header = ngx_list_push(&r->headers_out.headers);
  if (header == NULL) return NULL;
  ngx_memzero(header, sizeof *header);
  header->hash = 1;
  header->key.data = (u_char *)name;
  header->key.len = ngx_strlen(name);
  header->value.data = value;
  header->value.len = length;
  return header;
}

// Here and not in bearer_refuse: where `satisfy any` or an error page makes another status of it,
// the challenge does not belong to the answer. Those of other modules stay beside it.
static ngx_int_t add_challenge(ngx_http_request_t *r) {
  bearer_decision *decision = bearer_decided(r);
  if (decision == NULL) return next_filter(r);
  if (!(r == r->main ? decision->refused : decision->refused_part)) return next_filter(r);
  auth_verdict *verdict = decision->verdict;
  ngx_uint_t of_upstream = r->upstream != NULL && r->err_status == 0;
  if (of_upstream || r->headers_out.status != (ngx_uint_t)verdict->http_status)
    return next_filter(r);
  if (verdict->challenge.length > 0) {
    u_char *challenge = (u_char *)auth_text_of(verdict, verdict->challenge);
    ngx_table_elt_t *header =
        add_header(r, "WWW-Authenticate", challenge, verdict->challenge.length);
    if (header == NULL) return NGX_ERROR;
    // auth_request copies this one from its subrequest.
    if (r->headers_out.www_authenticate == NULL) r->headers_out.www_authenticate = header;
  }
  if (verdict->retry_after_s > 0) {
    u_char *seconds = ngx_pnalloc(r->pool, NGX_INT32_LEN);
    if (seconds == NULL) return NGX_ERROR;
    size_t length = (size_t)(ngx_sprintf(seconds, "%uD", verdict->retry_after_s) - seconds);
    if (add_header(r, "Retry-After", seconds, length) == NULL) return NGX_ERROR;
  }
  return next_filter(r);
}

ngx_int_t bearer_add_filter(ngx_conf_t *cf) {
  (void)cf;
  next_filter = ngx_http_top_header_filter;
  ngx_http_top_header_filter = add_challenge;
  return NGX_OK;
}
