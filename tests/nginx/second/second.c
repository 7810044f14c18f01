// For a test: gives a request to a path that begins with /second each Authorization header twice,
// as an nginx that let a second one through would. 1.22 answers such a request itself.
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

static ngx_int_t repeat(ngx_http_request_t *r) {
  if (r->uri.len < 7 || ngx_strncmp(r->uri.data, "/second", 7) != 0) return NGX_DECLINED;
  if (r->headers_in.authorization == NULL) return NGX_DECLINED;
  ngx_table_elt_t *header = ngx_list_push(&r->headers_in.headers);
  if (header == NULL) return NGX_HTTP_INTERNAL_SERVER_ERROR;
  *header = *r->headers_in.authorization;
  return NGX_DECLINED;
}

static ngx_int_t add_handler(ngx_conf_t *cf) {
  ngx_http_core_main_conf_t *core = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
  ngx_http_handler_pt *added = ngx_array_push(&core->phases[NGX_HTTP_REWRITE_PHASE].handlers);
  if (added == NULL) return NGX_ERROR;
  *added = repeat;
  return NGX_OK;
}

static ngx_http_module_t context = {NULL, add_handler, NULL, NULL, NULL, NULL, NULL, NULL};

ngx_module_t ngx_http_second_module = {
    NGX_MODULE_V1, &context, NULL, NGX_HTTP_MODULE, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NGX_MODULE_V1_PADDING,
};
