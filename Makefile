# One protected API: `make demo`. All checks: `make test`. Without a target, make prints the list.
PREFIX = /usr/local

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

demo: ## show libauth at work against a local OpenID provider; SERVE=1 stays up for your own curl
	@scripts/setup demo
	@echo "Building libauth with full optimization: up to 4 minutes the first time, seconds after that."
	@cargo build --release --bin libauth
	@cargo run --release --quiet --bin libauth -- demo $(if $(SERVE),--serve)

test: ## run every check that a change must pass
	@scripts/test

test-all: ## the same, and the slow checks
	@scripts/test all

parity: ## decide every vector in each language, and compare the answers byte for byte
	@scripts/setup parity && scripts/library && tests/parity/run

providers: ## boot oidc-provider, Spring Authorization Server and Keycloak, and judge every kind of token that they make
	@scripts/setup providers && scripts/library && tests/providers/run oidc-provider spring-as keycloak

library: ## build target/library/libauth.so and libauth.a, optimized as they are shipped
	@scripts/library

install: ## install the library, its headers, libauth.pc and CMake files under PREFIX (/usr/local), below DESTDIR if set
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' scripts/install

fuzz: ## fuzz each target for 20 seconds
	@scripts/fuzz 20

bench: ## measure: verification beside the bare primitive, through auth.hpp and in every language beside other libraries, servers and nginx with and without, key lifecycle beside other libraries
	@scripts/setup bench
	@cargo bench
	@scripts/library && benches/cpp/run
	@benches/bindings/run
	@benches/hosts/run
	@benches/lifecycle/run
	@benches/nginx/run

generated: ## write include/auth.h and the tables of docs/ again, after a change in src/
	@UPDATE=1 cargo test --quiet --test generated

run-nginx: ## run nginx with the module of examples/nginx against a local issuer and print curls to try
	@scripts/run-nginx

run-c: ## run examples/c-server against a local issuer and print a curl to try
	@scripts/run-host c

run-cpp: ## the same with examples/cpp-server
	@scripts/run-host cpp

run-go: ## the same with examples/go: net/http
	@scripts/run-host go

run-grpc: ## the same with examples/grpc
	@scripts/run-host grpc

run-express: ## the same with examples/express
	@scripts/run-host express

run-fastify: ## the same with examples/fastify
	@scripts/run-host fastify

run-nest: ## the same with examples/nest
	@scripts/run-host nest

.PHONY: help demo test test-all parity providers library install fuzz bench generated run-c run-cpp run-go run-grpc run-express run-fastify run-nest run-nginx
