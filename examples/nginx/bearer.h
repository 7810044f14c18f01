// What the files of this module share. A level of the configuration (http, server, location) has
// one bearer_conf; every set of options has one handle, which the levels below it share.
#ifndef BEARER_H
#define BEARER_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <auth.h>

#define BEARER_OFF 0
#define BEARER_ON 1
#define BEARER_OPTIONAL 2

// The options of one level, made in the master and used in its workers.
typedef struct {
  auth_config *handle;
  ngx_msec_t timeout; // keys.timeout
  unsigned used : 1;  // some location is protected by it
} bearer_options;

// One auth_bearer_forward_claim.
typedef struct {
  ngx_str_t header;
  u_char *lowcase;
  ngx_uint_t hash;
  ngx_str_t path;
  ngx_int_t variable; // of $http_HEADER
} bearer_forward;

typedef struct {
  ngx_uint_t mode;
  bearer_options *options;
  ngx_str_t require;
  ngx_array_t *forwards; // of bearer_forward
} bearer_conf;

typedef struct {
  ngx_array_t options; // of bearer_options *
} bearer_main_conf;

// What was decided for a request under one set of options and one requirement.
typedef struct bearer_decision {
  struct bearer_decision *next;
  bearer_options *options;
  ngx_str_t require;
  auth_verdict *verdict; // in the request's pool
  unsigned final : 1;    // not KEYS_PENDING
  // This module refused the request itself by it, or a subrequest.
  unsigned refused : 1;
  unsigned refused_part : 1;
} bearer_decision;

// A request, or a subrequest, on its way through the phases.
typedef struct {
  ngx_http_request_t *request;
  bearer_decision *decision;
  ngx_event_t timer; // runs while keys are awaited
  ngx_msec_t deadline;
  ngx_msec_t pause;
} bearer_ctx;

extern ngx_module_t ngx_http_auth_bearer_module;

// decide.c
ngx_int_t bearer_access(ngx_http_request_t *r);
ngx_int_t bearer_subrequest(ngx_http_request_t *r);
ngx_int_t bearer_clear(ngx_http_request_t *r);
bearer_decision *bearer_decided(ngx_http_request_t *r);

// answer.c
ngx_int_t bearer_refuse(ngx_http_request_t *r, bearer_decision *decision);
ngx_int_t bearer_add_filter(ngx_conf_t *cf);

// forward.c
ngx_int_t bearer_forward_claims(ngx_http_request_t *r, ngx_array_t *forwards,
                                const auth_verdict *verdict);
ngx_uint_t bearer_same_header(const ngx_str_t *one, const ngx_str_t *other);
ngx_int_t bearer_has_control(const u_char *text, size_t length);

// variables.c
ngx_int_t bearer_add_variables(ngx_conf_t *cf);

// options.c
char *bearer_set_option(ngx_conf_t *cf, ngx_command_t *command, void *conf);
char *bearer_set_require(ngx_conf_t *cf, ngx_command_t *command, void *conf);
char *bearer_set_forward(ngx_conf_t *cf, ngx_command_t *command, void *conf);
bearer_options *bearer_new_options(ngx_conf_t *cf);
char *bearer_use_options(ngx_conf_t *cf, bearer_options *options);

#endif
