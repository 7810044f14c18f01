// The decision for a request, made once, and the wait for keys without stopping the event loop.
#include "bearer.h"

// Between two looks at keys that are awaited: the first soon, then twice as long each time.
#define FIRST_PAUSE_MS 10
#define LAST_PAUSE_MS 160
// How much longer than one fetch a request waits for its end to be told.
#define WAIT_MARGIN_MS 1000

// ---------------------------------------------------------------- what a request remembers

// Survives internal redirects, which clear the contexts of all modules.
typedef struct {
  bearer_decision *decisions;
  bearer_decision *last; // the latest for the request itself, not for a subrequest
} memory;

static void forget(void *data) {
  (void)data; // marks the memory among the pool's cleanups
}

static memory *memory_of(ngx_http_request_t *r, ngx_uint_t make) {
  for (ngx_pool_cleanup_t *at = r->pool->cleanup; at != NULL; at = at->next)
    if (at->handler == forget) return at->data;
  if (!make) return NULL;
  ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(r->pool, sizeof(memory));
  if (cleanup == NULL) return NULL;
  ngx_memzero(cleanup->data, sizeof(memory));
  cleanup->handler = forget;
  return cleanup->data;
}

// The decision under these options and this requirement: a redirect to a place with others is
// judged anew, one to a place with the same is not.
static bearer_decision *decision_under(ngx_http_request_t *r, memory *memory, bearer_conf *conf) {
  bearer_decision *decision = memory->decisions;
  for (; decision != NULL; decision = decision->next)
    if (decision->options == conf->options && decision->require.len == conf->require.len &&
        ngx_memcmp(decision->require.data, conf->require.data, conf->require.len) == 0)
      return decision;
  decision = ngx_pcalloc(r->pool, sizeof *decision);
  if (decision == NULL) return NULL;
  decision->options = conf->options;
  decision->require = conf->require;
  decision->next = memory->decisions;
  memory->decisions = decision;
  return decision;
}

bearer_decision *bearer_decided(ngx_http_request_t *r) {
  bearer_ctx *ctx = ngx_http_get_module_ctx(r, ngx_http_auth_bearer_module);
  bearer_decision *decision = ctx == NULL ? NULL : ctx->decision;
  if (ctx == NULL && r == r->main) {
    memory *memory = memory_of(r, 0);
    if (memory != NULL) decision = memory->last;
  }
  return decision != NULL && decision->final ? decision : NULL;
}

// ---------------------------------------------------------------- waiting

static void stop_timer(void *data) {
  bearer_ctx *ctx = data;
  if (ctx->timer.timer_set) ngx_del_timer(&ctx->timer);
}

// Runs the phases again, from the handler that answered NGX_AGAIN.
static void look_again(ngx_event_t *timer) {
  bearer_ctx *ctx = timer->data;
  ngx_http_request_t *r = ctx->request;
  ngx_connection_t *connection = r->connection;
  ngx_http_set_log_request(connection->log, r);
  if (r == r->main) r->read_event_handler = ngx_http_block_reading;
  r->write_event_handler = ngx_http_core_run_phases;
  ngx_http_core_run_phases(r);
  ngx_http_run_posted_requests(connection);
}

// NGX_DECLINED when the time is over: KEYS_PENDING is then the answer.
static ngx_int_t wait_for_keys(ngx_http_request_t *r, bearer_ctx *ctx) {
  if (ctx->pause == 0) {
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(r->pool, 0);
    if (cleanup == NULL) return NGX_ERROR;
    cleanup->handler = stop_timer;
    cleanup->data = ctx;
    ctx->deadline = ngx_current_msec + ctx->decision->options->timeout + WAIT_MARGIN_MS;
    ctx->timer.handler = look_again;
    ctx->timer.data = ctx;
    ctx->timer.log = r->connection->log;
    ctx->pause = FIRST_PAUSE_MS;
  } else if ((ngx_msec_int_t)(ctx->deadline - ngx_current_msec) <= 0) {
    return NGX_DECLINED;
  } else {
    ctx->pause = ngx_min(2 * ctx->pause, LAST_PAUSE_MS);
  }
  if (r == r->main) {
    // A client that goes away ends the wait.
    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) return NGX_ERROR;
    r->read_event_handler = ngx_http_test_reading;
  }
  r->write_event_handler = ngx_http_request_empty_handler;
  ngx_add_timer(&ctx->timer, ctx->pause);
  return NGX_AGAIN;
}

// ---------------------------------------------------------------- judging

// Counts every header of that name: what nginx itself keeps is one of them.
static ngx_uint_t find_authorization(ngx_http_request_t *r, ngx_str_t *value) {
  ngx_uint_t count = 0;
  for (ngx_list_part_t *part = &r->headers_in.headers.part; part != NULL; part = part->next) {
    ngx_table_elt_t *header = part->elts;
    for (ngx_uint_t i = 0; i < part->nelts; i++) {
      if (header[i].key.len != sizeof "authorization" - 1) continue;
      if (ngx_strncasecmp(header[i].key.data, (u_char *)"authorization", header[i].key.len) != 0)
        continue;
      *value = header[i].value;
      count++;
    }
  }
  return count;
}

static ngx_int_t ask(ngx_http_request_t *r, bearer_decision *decision) {
  ngx_str_t header = ngx_null_string;
  ngx_uint_t count = find_authorization(r, &header);
  size_t size = AUTH_VERDICT_SIZE(header.len);
  if (decision->verdict == NULL) decision->verdict = ngx_palloc(r->pool, size);
  if (decision->verdict == NULL) return NGX_ERROR;
  auth_config *handle = decision->options->handle;
  auth_status status;
  if (count > 1) {
    const char detail[] = "more than one Authorization header";
    status = auth_describe(handle, AUTH_STATUS_HEADER_MALFORMED, detail, sizeof detail - 1,
                           decision->verdict, size);
  } else {
    status = auth_try_authorize(handle, (const char *)header.data, header.len,
                                (const char *)decision->require.data, decision->require.len,
                                decision->verdict, size);
  }
  return status == AUTH_STATUS_KEYS_PENDING ? NGX_AGAIN : NGX_OK;
}

static void log_refusal(ngx_http_request_t *r, const auth_verdict *verdict) {
  if (verdict->status == AUTH_STATUS_OK) return;
  // As nginx's auth_basic: no credentials are everyday business.
  ngx_uint_t level = verdict->status == AUTH_STATUS_HEADER_MISSING ? NGX_LOG_INFO : NGX_LOG_ERR;
  ngx_log_error(level, r->connection->log, 0, "auth_bearer: %s: %s",
                auth_text_of(verdict, verdict->code), auth_text_of(verdict, verdict->log));
}

// NGX_OK: accepted. NGX_DECLINED: nothing against it. NGX_AGAIN: keys are awaited. Else the answer.
static ngx_int_t judge(ngx_http_request_t *r) {
  bearer_conf *conf = ngx_http_get_module_loc_conf(r, ngx_http_auth_bearer_module);
  if (conf->mode == BEARER_OFF) {
    // Clears the client's own all the same: what is behind this place may trust them.
    ngx_int_t cleared = bearer_forward_claims(r, conf->forwards, NULL);
    return cleared == NGX_OK ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
  }
  memory *memory = memory_of(r, 1);
  bearer_ctx *ctx = ngx_http_get_module_ctx(r, ngx_http_auth_bearer_module);
  if (ctx == NULL) ctx = ngx_pcalloc(r->pool, sizeof *ctx);
  if (memory == NULL || ctx == NULL) return NGX_HTTP_INTERNAL_SERVER_ERROR;
  ctx->request = r;
  ctx->decision = decision_under(r, memory, conf);
  if (ctx->decision == NULL) return NGX_HTTP_INTERNAL_SERVER_ERROR;
  ngx_http_set_ctx(r, ctx, ngx_http_auth_bearer_module);

  bearer_decision *decision = ctx->decision;
  if (!decision->final) {
    ngx_int_t asked = ask(r, decision);
    if (asked == NGX_AGAIN) asked = wait_for_keys(r, ctx);
    if (asked == NGX_AGAIN) return NGX_AGAIN;
    if (asked == NGX_ERROR) return NGX_HTTP_INTERNAL_SERVER_ERROR;
    decision->final = 1;
    log_refusal(r, decision->verdict);
  }
  if (r == r->main) memory->last = decision;
  auth_verdict *verdict = decision->verdict;
  ngx_uint_t accepted = verdict->status == AUTH_STATUS_OK;
  if (bearer_forward_claims(r, conf->forwards, accepted ? verdict : NULL) != NGX_OK)
    return NGX_HTTP_INTERNAL_SERVER_ERROR;
  if (accepted) return NGX_OK;
  // Not NGX_OK: with `satisfy any` no header at all would satisfy.
  if (conf->mode == BEARER_OPTIONAL && verdict->status == AUTH_STATUS_HEADER_MISSING)
    return NGX_DECLINED;
  return bearer_refuse(r, decision);
}

ngx_int_t bearer_access(ngx_http_request_t *r) {
  return judge(r);
}

// Before `set`, `if` and limit_req read the client's own, and where another module satisfies first.
ngx_int_t bearer_clear(ngx_http_request_t *r) {
  bearer_conf *conf = ngx_http_get_module_loc_conf(r, ngx_http_auth_bearer_module);
  ngx_int_t cleared = bearer_forward_claims(r, conf->forwards, NULL);
  return cleared == NGX_OK ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
}

ngx_int_t bearer_subrequest(ngx_http_request_t *r) {
  if (r == r->main) return NGX_DECLINED;
  ngx_int_t judged = judge(r);
  return judged == NGX_OK ? NGX_DECLINED : judged;
}
