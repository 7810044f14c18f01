// nginx's side of the module: its directives, how levels inherit, and what a worker does first.
#include "bearer.h"

// ---------------------------------------------------------------- levels

static void *create_main(ngx_conf_t *cf) {
  bearer_main_conf *conf = ngx_pcalloc(cf->pool, sizeof *conf);
  if (conf == NULL) return NULL;
  if (ngx_array_init(&conf->options, cf->pool, 4, sizeof(bearer_options *)) != NGX_OK) return NULL;
  return conf;
}

static void *create_level(ngx_conf_t *cf) {
  bearer_conf *conf = ngx_pcalloc(cf->pool, sizeof *conf);
  if (conf == NULL) return NULL;
  conf->mode = NGX_CONF_UNSET_UINT;
  conf->options = NGX_CONF_UNSET_PTR;
  conf->forwards = NGX_CONF_UNSET_PTR;
  return conf;
}

// Forwarded headers of the level above stay in force beside those of this one. With nginx's usual
// rule, all or none, one more header here would let a client's own of those above pass.
static char *merge_forwards(ngx_conf_t *cf, ngx_array_t *above, bearer_conf *conf) {
  if (conf->forwards == NGX_CONF_UNSET_PTR || above == NULL) {
    ngx_conf_merge_ptr_value(conf->forwards, above, NULL);
    return NGX_CONF_OK;
  }
  bearer_forward *inherited = above->elts;
  ngx_uint_t own = conf->forwards->nelts;
  for (ngx_uint_t i = 0; i < above->nelts; i++) {
    bearer_forward *mine = conf->forwards->elts;
    ngx_uint_t j = 0;
    while (j < own && !bearer_same_header(&mine[j].header, &inherited[i].header)) j++;
    if (j < own) continue;
    bearer_forward *added = ngx_array_push(conf->forwards);
    if (added == NULL) return NGX_CONF_ERROR;
    *added = inherited[i];
  }
  (void)cf;
  return NGX_CONF_OK;
}

static char *merge_level(ngx_conf_t *cf, void *parent, void *child) {
  bearer_conf *above = parent, *conf = child;
  ngx_array_t *forwards = above->forwards == NGX_CONF_UNSET_PTR ? NULL : above->forwards;
  ngx_conf_merge_uint_value(conf->mode, above->mode, BEARER_OFF);
  ngx_conf_merge_ptr_value(conf->options, above->options, NULL);
  ngx_conf_merge_str_value(conf->require, above->require, "");
  if (merge_forwards(cf, forwards, conf) != NGX_CONF_OK) return NGX_CONF_ERROR;
  if (conf->mode == BEARER_OFF) return NGX_CONF_OK;
  // Without a single option libauth itself says which one is missing.
  if (conf->options == NULL) conf->options = bearer_new_options(cf);
  if (conf->options == NULL) return NGX_CONF_ERROR;
  return bearer_use_options(cf, conf->options);
}

// ---------------------------------------------------------------- start

static ngx_int_t refuse_other_library(ngx_conf_t *cf) {
  if (auth_abi() == AUTH_ABI) return bearer_add_variables(cf);
  ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "libauth %s has ABI %uD, this module was built for %uD",
                     auth_version(), auth_abi(), AUTH_ABI);
  return NGX_ERROR;
}

static ngx_int_t add_handler(ngx_conf_t *cf, ngx_uint_t phase, ngx_http_handler_pt handler) {
  ngx_http_core_main_conf_t *core = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
  ngx_http_handler_pt *added = ngx_array_push(&core->phases[phase].handlers);
  if (added == NULL) return NGX_ERROR;
  *added = handler;
  return NGX_OK;
}

static ngx_int_t add_handlers(ngx_conf_t *cf) {
  if (add_handler(cf, NGX_HTTP_SERVER_REWRITE_PHASE, bearer_clear) != NGX_OK) return NGX_ERROR;
  if (add_handler(cf, NGX_HTTP_REWRITE_PHASE, bearer_clear) != NGX_OK) return NGX_ERROR;
  if (add_handler(cf, NGX_HTTP_ACCESS_PHASE, bearer_access) != NGX_OK) return NGX_ERROR;
  // nginx leaves the access phase out for subrequests: they are judged in the one before.
  if (add_handler(cf, NGX_HTTP_PREACCESS_PHASE, bearer_subrequest) != NGX_OK) return NGX_ERROR;
  return bearer_add_filter(cf);
}

// The first keys are fetched from here on by threads of the library. A worker does not wait for
// them: a provider that is down would hold up every start and every reload by keys.timeout, and
// requests that need no token with it. Those that need keys wait for them in the event loop.
static ngx_int_t start_worker(ngx_cycle_t *cycle) {
  if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE) return NGX_OK;
  bearer_main_conf *conf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_auth_bearer_module);
  if (conf == NULL) return NGX_OK;
  bearer_options **options = conf->options.elts;
  for (ngx_uint_t i = 0; i < conf->options.nelts; i++) {
    if (!options[i]->used) continue;
    union {
      auth_verdict verdict;
      char room[AUTH_VERDICT_SIZE(0)];
    } told;
    auth_status status = auth_ready(options[i]->handle, &told.verdict, sizeof told);
    if (status == AUTH_STATUS_OK || status == AUTH_STATUS_KEYS_PENDING) continue;
    ngx_log_error(NGX_LOG_ERR, cycle->log, 0, "auth_bearer: %s: %s",
                  auth_text_of(&told.verdict, told.verdict.code),
                  auth_text_of(&told.verdict, told.verdict.log));
  }
  return NGX_OK;
}

// ---------------------------------------------------------------- directives

static ngx_conf_enum_t modes[] = {
    {ngx_string("off"), BEARER_OFF},
    {ngx_string("on"), BEARER_ON},
    {ngx_string("optional"), BEARER_OPTIONAL},
    {ngx_null_string, 0},
};

#define LEVELS (NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF)

static ngx_command_t commands[] = {
    {ngx_string("auth_bearer"), LEVELS | NGX_CONF_TAKE1, ngx_conf_set_enum_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(bearer_conf, mode), modes},
    {ngx_string("auth_bearer_option"), LEVELS | NGX_CONF_TAKE2, bearer_set_option,
     NGX_HTTP_LOC_CONF_OFFSET, 0, NULL},
    {ngx_string("auth_bearer_require"), LEVELS | NGX_CONF_TAKE1, bearer_set_require,
     NGX_HTTP_LOC_CONF_OFFSET, 0, NULL},
    {ngx_string("auth_bearer_forward_claim"), LEVELS | NGX_CONF_TAKE2, bearer_set_forward,
     NGX_HTTP_LOC_CONF_OFFSET, 0, NULL},
    ngx_null_command,
};

static ngx_http_module_t context = {
    refuse_other_library, // preconfiguration
    add_handlers,         // postconfiguration
    create_main,
    NULL, // init main
    NULL, // create server
    NULL, // merge server
    create_level,
    merge_level,
};

ngx_module_t ngx_http_auth_bearer_module = {
    NGX_MODULE_V1,
    &context,
    commands,
    NGX_HTTP_MODULE,
    NULL, // init master
    NULL, // init module
    start_worker,
    NULL, // init thread
    NULL, // exit thread
    NULL, // exit process: handles are freed with the pool of their cycle
    NULL, // exit master
    NGX_MODULE_V1_PADDING,
};
