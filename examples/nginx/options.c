// Directives that are judged while the configuration is read: `nginx -t` tells a mistake, with
// libauth's sentence and the line.
#include "bearer.h"

// Refusals of a configuration call fit in this.
typedef union {
  auth_verdict verdict;
  char room[AUTH_VERDICT_SIZE(0)];
} record;

static char *tell(ngx_conf_t *cf, ngx_uint_t level, const record *told) {
  ngx_conf_log_error(level, cf, 0, "auth_bearer: %s: %s",
                     auth_text_of(&told->verdict, told->verdict.code),
                     auth_text_of(&told->verdict, told->verdict.log));
  return NGX_CONF_ERROR;
}

// ---------------------------------------------------------------- whose rights

// Files and folders of the options are for the workers, and keys.snapshot has to be theirs: a root
// master judges them as the user and group that `user` names, which should stand before.
static ngx_int_t as_worker(ngx_conf_t *cf, ngx_uint_t begin) {
  if (!begin) return seteuid(0) == 0 && setegid(getgid()) == 0 ? NGX_OK : NGX_ERROR;
  ngx_core_conf_t *core = (ngx_core_conf_t *)ngx_get_conf(cf->cycle->conf_ctx, ngx_core_module);
  uid_t user = core->user;
  gid_t group = core->group;
  if (user == (uid_t)NGX_CONF_UNSET_UINT) {
    struct passwd *entry = getpwnam(NGX_USER);
    if (entry == NULL) return NGX_ERROR;
    user = entry->pw_uid;
    group = entry->pw_gid;
  }
  return setegid(group) == 0 && seteuid(user) == 0 ? NGX_OK : NGX_ERROR;
}

static char *no_rights(ngx_conf_t *cf) {
  ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno, "auth_bearer: no rights of the workers' user");
  return NGX_CONF_ERROR;
}

// ---------------------------------------------------------------- auth_bearer_option

static void free_handle(void *handle) {
  auth_config_free(handle);
}

// The handle lives as long as its cycle: in the master until the next configuration is in force,
// in a worker until it ends. Nothing here freezes it: the worker does, with the worker's rights.
bearer_options *bearer_new_options(ngx_conf_t *cf) {
  bearer_main_conf *main = ngx_http_conf_get_module_main_conf(cf, ngx_http_auth_bearer_module);
  bearer_options *options = ngx_pcalloc(cf->pool, sizeof *options);
  bearer_options **listed = ngx_array_push(&main->options);
  ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(cf->pool, 0);
  if (options == NULL || listed == NULL || cleanup == NULL) return NULL;
  *listed = options;
  options->timeout = 5000;
  options->handle = auth_config_new();
  if (options->handle == NULL) return NULL;
  cleanup->handler = free_handle;
  cleanup->data = options->handle;
  return options;
}

// Also of an OK: what is allowed, and should be meant.
char *bearer_use_options(ngx_conf_t *cf, bearer_options *options) {
  if (options->used) return NGX_CONF_OK;
  options->used = 1;
  record told;
  ngx_uint_t root = geteuid() == 0;
  if (root && as_worker(cf, 1) != NGX_OK) return no_rights(cf);
  auth_status status = auth_config_check(options->handle, &told.verdict, sizeof told);
  if (root && as_worker(cf, 0) != NGX_OK) return no_rights(cf);
  if (status != AUTH_STATUS_OK) return tell(cf, NGX_LOG_EMERG, &told);
  if (told.verdict.log.length > 0) (void)tell(cf, NGX_LOG_WARN, &told);
  return NGX_CONF_OK;
}

char *bearer_set_option(ngx_conf_t *cf, ngx_command_t *command, void *level) {
  bearer_conf *conf = level;
  ngx_str_t *word = cf->args->elts;
  (void)command;
  if (conf->options == NGX_CONF_UNSET_PTR) conf->options = bearer_new_options(cf);
  if (conf->options == NULL) return NGX_CONF_ERROR;
  record told;
  ngx_uint_t root = geteuid() == 0;
  if (root && as_worker(cf, 1) != NGX_OK) return no_rights(cf);
  auth_status status = auth_config_set(conf->options->handle, (const char *)word[1].data,
                                       (const char *)word[2].data, &told.verdict, sizeof told);
  if (root && as_worker(cf, 0) != NGX_OK) return no_rights(cf);
  if (status != AUTH_STATUS_OK) return tell(cf, NGX_LOG_EMERG, &told);
  // A request waits as long as the fetch may take. nginx reads such a duration the same way.
  if (ngx_strcmp(word[1].data, "keys.timeout") == 0) {
    ngx_int_t seconds = ngx_parse_time(&word[2], 1);
    if (seconds > 0) conf->options->timeout = (ngx_msec_t)seconds * 1000;
  }
  return NGX_CONF_OK;
}

// ---------------------------------------------------------------- auth_bearer_require

// Does a handle of its own take `value` for option `key`? Paths and requirements are options too.
static char *try_option(ngx_conf_t *cf, const char *key, const ngx_str_t *value) {
  record told;
  auth_config *scratch = auth_config_new();
  auth_status status = auth_config_set(scratch, key, (const char *)value->data, &told.verdict,
                                       sizeof told);
  auth_config_free(scratch);
  return status == AUTH_STATUS_OK ? NGX_CONF_OK : tell(cf, NGX_LOG_EMERG, &told);
}

char *bearer_set_require(ngx_conf_t *cf, ngx_command_t *command, void *level) {
  bearer_conf *conf = level;
  ngx_str_t *word = cf->args->elts;
  (void)command;
  if (conf->require.data != NULL) return "is duplicate";
  conf->require = word[1];
  if (conf->require.len == 0) return NGX_CONF_OK; // nothing but what the options demand
  return try_option(cf, "verdict.require", &conf->require);
}

// ---------------------------------------------------------------- auth_bearer_forward_claim

// Letters, digits and dashes: an underscore in a name is dropped or changed by many servers.
static char *judge_header(const ngx_str_t *name) {
  for (size_t i = 0; i < name->len; i++) {
    u_char c = name->data[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'))
      return "needs a header name of letters, digits and dashes";
  }
  if (name->len == 0) return "needs a header name";
  // nginx keeps a pointer to these, and acts by some of them.
  for (ngx_http_header_t *known = ngx_http_headers_in; known->name.len > 0; known++)
    if (known->name.len == name->len &&
        ngx_strncasecmp(known->name.data, name->data, name->len) == 0)
      return "cannot set a header that nginx itself reads";
  return NGX_CONF_OK;
}

char *bearer_set_forward(ngx_conf_t *cf, ngx_command_t *command, void *level) {
  bearer_conf *conf = level;
  ngx_str_t *word = cf->args->elts;
  (void)command;
  char *judged = judge_header(&word[1]);
  if (judged == NGX_CONF_OK) judged = try_option(cf, "claims.subject_from", &word[2]);
  if (judged != NGX_CONF_OK) return judged;
  if (conf->forwards == NGX_CONF_UNSET_PTR)
    conf->forwards = ngx_array_create(cf->pool, 4, sizeof(bearer_forward));
  if (conf->forwards == NULL) return NGX_CONF_ERROR;
  bearer_forward *earlier = conf->forwards->elts;
  for (ngx_uint_t i = 0; i < conf->forwards->nelts; i++)
    if (bearer_same_header(&earlier[i].header, &word[1])) return "is duplicate";
  bearer_forward *forward = ngx_array_push(conf->forwards);
  if (forward == NULL) return NGX_CONF_ERROR;
  forward->header = word[1];
  forward->path = word[2];
  forward->lowcase = ngx_pnalloc(cf->pool, word[1].len);
  if (forward->lowcase == NULL) return NGX_CONF_ERROR;
  forward->hash = ngx_hash_strlow(forward->lowcase, word[1].data, word[1].len);
  ngx_str_t variable = {word[1].len + 5, ngx_pnalloc(cf->pool, word[1].len + 5)};
  if (variable.data == NULL) return NGX_CONF_ERROR;
  u_char *at = ngx_cpymem(variable.data, "http_", 5);
  for (size_t i = 0; i < word[1].len; i++)
    *at++ = forward->lowcase[i] == '-' ? '_' : forward->lowcase[i];
  forward->variable = ngx_http_get_variable_index(cf, &variable);
  if (forward->variable == NGX_ERROR) return NGX_CONF_ERROR;
  return NGX_CONF_OK;
}
