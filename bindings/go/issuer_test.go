package auth_test

import (
	"bufio"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	auth "github.com/libauth/libauth/bindings/go"
)

// Against `libauth issuer`, all on real sockets: each algorithm, a rotation, and an end.
func TestLibauthIssuer(t *testing.T) {
	provider := startIssuer(t)
	a, err := auth.New(auth.Options{Issuer: provider, Audience: []string{"https://api.example"}})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	api := httptest.NewServer(a.Protect(subject, "read"))
	defer api.Close()
	for _, algorithm := range []string{"RS256", "PS256", "ES256", "ES384", "EdDSA"} {
		if got := get(t, api.URL, tokenOf(t, provider, algorithm, "read")); got != "200 OK" {
			t.Error(algorithm, got)
		}
	}
	if got := get(t, api.URL, tokenOf(t, provider, "ES256", "write")); got != "403 Forbidden" {
		t.Error(got)
	}
	old := tokenOf(t, provider, "ES256", "read")
	post(t, provider+"/rotate", nil)
	if got := get(t, api.URL, tokenOf(t, provider, "ES256", "read")); got != "200 OK" {
		t.Error("the new key:", got)
	}
	if got := get(t, api.URL, old); got != "401 Unauthorized" {
		t.Error("the withdrawn key:", got)
	}
}

func startIssuer(t *testing.T) string {
	program := cmp.Or(os.Getenv("CARGO_TARGET_DIR"), "../../target") + "/debug/libauth"
	command := exec.Command(program, "issuer", "--port", "0")
	out, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		t.Fatal(err, "; run: cargo build --bin libauth")
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) == 2 && words[0] == "issuer" {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return words[1]
		}
	}
	t.Fatal("`libauth issuer` does not say where it is")
	return ""
}

func tokenOf(t *testing.T, provider, algorithm, scope string) string {
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	body := post(t, provider+"/token", url.Values{"grant_type": {"client_credentials"},
		"audience": {"https://api.example"}, "scope": {scope}, "alg": {algorithm}})
	if err := json.Unmarshal(body, &answer); err != nil || answer.AccessToken == "" {
		t.Fatalf("no token: %v: %s", err, body)
	}
	return answer.AccessToken
}

func post(t *testing.T, to string, form url.Values) []byte {
	answer, err := http.PostForm(to, form)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != 200 {
		t.Fatal(err, answer.Status)
	}
	return body
}

func get(t *testing.T, from, token string) string {
	request, err := http.NewRequest("GET", from, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.Status
}
