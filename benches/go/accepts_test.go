package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	auth "github.com/libauth/libauth/bindings/go"
)

type row struct{ name, token string }

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// Tokens that a provider signed, or that somebody made of such a one.
func rows(t *testing.T) (*world, []row) {
	t.Setenv("GODEBUG", "rsa1024min=0") // Go makes no shorter keys by itself
	key := func(kid string, bits int, members string) signer {
		made, err := newSigner(kid, bits, members)
		must(t, err)
		return made
	}
	main, enc, small := key("main", 2048, `,"alg":"RS256","use":"sig"`), key("enc", 2048, `,"use":"enc"`), key("small", 1024, "")
	w := newWorld(main, enc, small)
	t.Cleanup(w.Close)

	claims, now := w.claims("u"), time.Now().Unix()
	exp, aud := fmt.Sprintf(`,"exp":%d`, now+600), fmt.Sprintf(`"aud":%q`, w.audience)
	claims = claims[:strings.Index(claims, `,"exp"`)] + exp + "}"
	plus := func(members string) string { return claims[:len(claims)-1] + "," + members + "}" }
	by := func(key signer, header, payload string) string {
		token, err := key.token(header, payload)
		must(t, err)
		return token
	}
	signed := func(payload string) string { return by(main, `{"alg":"RS256","kid":"main"}`, payload) }
	instead := func(old, new string) string { return signed(strings.Replace(claims, old, new, 1)) }
	good := signed(claims)
	parts, last := strings.Split(good, "."), strings.IndexByte(alphabet, good[len(good)-1])
	identity := fmt.Sprintf(`{"iss":%q,%s,"sub":"u","iat":%d%s,"nonce":"n","at_hash":"h"}`, w.issuer, aud, now, exp)
	return w, []row{
		{"good", good},
		{"for another audience", instead(aud, `"aud":"https://other.example"`)},
		{"of another issuer", instead(w.issuer, "https://evil.example")},
		{"without `exp`", instead(exp, "")},
		{"`exp` is a text", instead(exp, `,"exp":"4000000000"`)},
		{"`exp` in milliseconds", instead(exp, fmt.Sprintf(`,"exp":%d`, (now+600)*1000))},
		{"`exp` is past, and `EXP` is not", instead(exp, fmt.Sprintf(`,"exp":1,"EXP":%d`, now+600))},
		{"`nbf` in 200 seconds", signed(plus(fmt.Sprintf(`"nbf":%d`, now+200)))},
		{"`aud` twice: another's, then ours", instead(aud, `"aud":"https://other.example",`+aud)},
		{"`sub` is empty", instead(`"u"`, `""`)},
		{"`sub` holds a NUL", instead(`"u"`, `"admin\u0000"`)},
		{"`sub` is not UTF-8", instead(`"u"`, "\"\xff\"")},
		{"an ID token", signed(identity)},
		{"a refresh token of Keycloak", signed(plus(`"typ":"Refresh"`))},
		{"a logout token, by its `typ`", by(main, `{"alg":"RS256","kid":"main","typ":"logout+jwt"}`, claims)},
		{"bound to a key (`cnf`), as Bearer", signed(plus(`"cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}`))},
		{"`crit` names what nobody knows", by(main, `{"alg":"RS256","kid":"main","crit":["x"],"x":1}`, claims)},
		{"`alg` twice: none, then RS256", by(main, `{"alg":"none","alg":"RS256","kid":"main"}`, claims)},
		{"PS256, by a key that is for RS256", by(main, `{"alg":"PS256","kid":"main"}`, claims)},
		{"by a key that is for encryption", by(enc, `{"alg":"RS256","kid":"enc"}`, claims)},
		{"by an RSA key of 1024 bits", by(small, `{"alg":"RS256","kid":"small"}`, claims)},
		{"another last character, same signature", good[:len(good)-1] + string(alphabet[last|1])},
		{"a line break inside", good[:len(good)-20] + "\r\n" + good[len(good)-20:]},
		{"in JSON form", fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1], parts[2])},
		{"of 1 MB", signed(plus(`"x":"` + strings.Repeat("x", 700_000) + `"`))},
	}
}

// ---------------------------------------------------------------- the page

// documented fails unless docs/go.md holds the table line by line.
func documented(t *testing.T, table []string) {
	page, err := os.ReadFile("../../docs/go.md")
	must(t, err)
	if whole := strings.Join(table, "\n") + "\n"; !strings.Contains(string(page), whole) {
		t.Errorf("docs/go.md does not have this table:\n%s", whole)
	}
}

func TestTokensThatAreAccepted(t *testing.T) {
	w, rows := rows(t)
	a, err := w.libauth()
	must(t, err)
	defer a.Close()
	plain, err := w.golangJWT()
	must(t, err)
	strict, err := w.golangJWT(w.strict()...)
	must(t, err)
	_, middleware, err := w.jwtMiddleware()
	must(t, err)
	peers := []verifier{middleware, w.goOIDC(), plain, strict}

	table := []string{"| token | go-jwt-middleware v2 | go-oidc | golang-jwt, as keyfunc shows it | the same, all options | libauth |",
		"| --- | --- | --- | --- | --- | --- |"}
	for _, row := range rows {
		line := "| " + row.name + " |"
		for _, accepts := range peers {
			if accepts(row.token) == nil {
				line += " accepts"
			}
			line += " |"
		}
		_, err := a.Verify(t.Context(), row.token)
		if (err == nil) != (row.name == "good") {
			t.Errorf("libauth: %s: %v", row.name, err)
		}
		var refusal *auth.Error
		if errors.As(err, &refusal) {
			line += " `" + refusal.Code + "` |"
		} else {
			line += " accepts |"
		}
		table = append(table, line)
	}
	documented(t, table)
}

func TestAnswersToRequests(t *testing.T) {
	w, rows := rows(t)
	open := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	servers := func() []http.Handler {
		a, err := w.libauth()
		must(t, err)
		t.Cleanup(func() { a.Close() })
		middleware, _, err := w.jwtMiddleware()
		must(t, err)
		return []http.Handler{middleware.CheckJWT(open), a.Protect(open)}
	}
	table := []string{"| request | go-jwt-middleware v2 | libauth |", "| --- | --- | --- |"}
	ask := func(name string, servers []http.Handler, values ...string) {
		line := "| " + name + " |"
		for _, server := range servers {
			r, got := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
			r.Header["Authorization"] = values
			server.ServeHTTP(got, r)
			line += fmt.Sprintf(" %d", got.Code)
			for _, name := range []string{"WWW-Authenticate", "Retry-After"} {
				if got.Header().Get(name) != "" {
					line += " with " + name
				}
			}
			line += " |"
		}
		table = append(table, line)
	}
	good := "Bearer " + rows[0].token
	warm := servers()
	ask("a good token", warm, good)
	ask("no header", warm)
	ask("`Basic`", warm, "Basic eDp5")
	ask("a bad signature", warm, good[:len(good)-9]+"AAAAAAAAA")
	ask("two Authorization headers, the first good", warm, good, "Bearer x")
	w.down.Store(true)
	ask("a good token; the provider is down since the start", servers(), good)
	documented(t, table)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
