// libauth as a verifier: `verifier ISSUER AUDIENCE JWKS_URI TTL_SECONDS [KEY=VALUE…]`. Its threads
// read one line after the other, `ID TOKEN`, and write `ID ok|refused MICROSECONDS`.
#include <auth.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 128 };

static auth_config *config;
static pthread_mutex_t input = PTHREAD_MUTEX_INITIALIZER;

static void set(const char *key, const char *value) {
    auth_record record;
    if (auth_config_set(config, key, value, &record.verdict, sizeof record)) {
        fprintf(stderr, "%s\n", auth_text_of(&record.verdict, record.verdict.log));
        exit(2);
    }
}

static long microseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

static void *serve(void *nothing) {
    char line[4096];
    for (;;) {
        pthread_mutex_lock(&input);
        const char *read = fgets(line, sizeof line, stdin);
        pthread_mutex_unlock(&input);
        char *token = read ? strchr(line, ' ') : NULL;
        if (!token)
            _exit(0);
        *token++ = '\0';
        auth_record record;
        long began = microseconds();
        auth_status status =
            auth_verify(config, token, strcspn(token, "\n"), &record.verdict, sizeof record);
        long taken = microseconds() - began;
        printf("%s %s %ld\n", line, status == AUTH_STATUS_OK ? "ok" : "refused", taken);
    }
    return nothing;
}

int main(int count, char **words) {
    if (count < 5)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    config = auth_config_new();
    set("issuer", words[1]);
    set("audience", words[2]);
    set("keys.jwks_uri", words[3]);
    if (strcmp(words[4], "0"))
        set("keys.ttl", words[4]);
    for (char **option = words + 5; *option; option++) {
        char *value = strchr(*option, '=');
        if (!value)
            return 2;
        *value = '\0';
        set(*option, value + 1);
    }
    pthread_t thread;
    for (int n = 1; n < THREADS; n++)
        if (pthread_create(&thread, NULL, serve, NULL))
            return 2;
    printf("ready libauth %s\n", auth_version());
    serve(NULL);
}
