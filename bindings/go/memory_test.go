package auth_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	auth "github.com/libauth/libauth/bindings/go"
	"github.com/libauth/libauth/bindings/go/authtest"
)

var many = flag.Int("verifies", 1_000_000, "calls of TestMemoryIsFlat")

func TestAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates, too")
	}
	a := newAuth(t, nil)
	header := "Bearer " + authtest.Token(map[string]any{"scope": "a"})
	// The texts in one, and the verdict.
	for what, call := range map[string]func() (*auth.Verdict, error){
		"TryVerify": func() (*auth.Verdict, error) { return a.TryVerify(header[7:]) },
		"Verify":    func() (*auth.Verdict, error) { return a.Verify(t.Context(), header[7:]) },
		"Authorize": func() (*auth.Verdict, error) { return a.Authorize(t.Context(), header, "a") },
	} {
		allocations := testing.AllocsPerRun(200, func() {
			if _, err := call(); err != nil {
				t.Fatal(err)
			}
		})
		if allocations > 2 {
			t.Errorf("%s: %v allocations", what, allocations)
		}
	}
}

// Stacks grow and move, and everything is collected all the time, while the library reads from Go's
// memory and writes into it.
func TestCollectorAndStacks(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	a := newAuth(t, nil)
	ended := make(chan string)
	const goroutines, rounds = 16, 30
	for g := range goroutines {
		go func() {
			subject := fmt.Sprint("caller-", g)
			size := []int{0, 4200, 6000}[g%3] // in a room that is used again, just so, and in one of its own
			token := authtest.Token(map[string]any{"sub": subject, "pad": strings.Repeat("p", size)})
			for round := range rounds {
				// A new goroutine has the smallest stack.
				inner := make(chan string)
				go func() { inner <- deeper(round*7, a, strings.Clone(token)) }()
				if got := <-inner; got != subject {
					ended <- subject + " is answered as " + got
					return
				}
			}
			ended <- ""
		}()
	}
	for range goroutines {
		if wrong := <-ended; wrong != "" {
			t.Error(wrong)
		}
	}
}

//go:noinline
func deeper(frames int, a *auth.Auth, token string) string {
	var room [64]byte
	if frames > 0 {
		room[frames%64] = 1
		return deeper(frames-1, a, token) + string(room[:0])
	}
	v, err := a.TryVerify(token)
	_, bad := a.TryVerify(token[:len(token)-6] + "AAAAAA")
	runtime.GC()
	if err != nil || bad == nil {
		return fmt.Sprint(err, bad)
	}
	var claims struct{ Sub string }
	if err := v.Claims(&claims); err != nil || claims.Sub != v.Subject || len(v.Header()) == 0 {
		return fmt.Sprint("claims of ", claims.Sub, err)
	}
	return v.Subject
}

// Of ten calls one is an accepted token (RS256, the cheapest to verify, of 2 kB every second time);
// the others are refused at each of the first stages.
func TestMemoryIsFlat(t *testing.T) {
	if raceDetector {
		t.Skip("the shadow memory of the race detector is what would be measured")
	}
	token, jwks := rs256(t)
	a := newAuth(t, func(o *auth.Options) { o.Keys.JWKS = jwks })
	calls := []string{token, "", "x", "a.b.c", "a.b.c.d.e", strings.Repeat("a.", 20_000), "eyJhbGciOiJub25lIn0.e30.",
		token[1:], "é", strings.Repeat("x", 9000)}
	run := func(count int) {
		for i := range count {
			if _, err := a.TryVerify(calls[i%len(calls)]); (err == nil) != (i%len(calls) == 0) {
				t.Fatal(i, err)
			}
		}
	}
	run(*many / 10)
	before := resident(t)
	run(*many)
	after := resident(t)
	t.Logf("%d calls: %d kB, then %d kB", *many, before, after)
	if after > before+4096 {
		t.Error("it grows")
	}
}

// Handles that are closed, and handles that are forgotten.
func TestHandlesAreFreed(t *testing.T) {
	if raceDetector {
		t.Skip("the shadow memory of the race detector is what would be measured")
	}
	options := authtest.Options()
	token := authtest.Token(nil)
	run := func(handles int) {
		for i := range handles {
			a, err := auth.New(options)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := a.TryVerify(token); err != nil {
				t.Fatal(err)
			}
			if i%2 == 0 {
				a.Close()
			}
			if i%500 == 0 {
				runtime.GC()
			}
		}
	}
	run(2000)
	before := resident(t)
	run(10_000)
	after := resident(t)
	t.Logf("10000 handles: %d kB, then %d kB", before, after)
	if after > before+10_240 { // 30 MB, were every second one kept
		t.Error("it grows")
	}
}

// resident is what lies in memory, in kB, when Go has given back what it can.
func resident(t *testing.T) int {
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	size, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return size
}

func rs256(t *testing.T) (token, jwks string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	claims := strings.Split(authtest.Token(nil), ".")[1]
	signed := encode([]byte(`{"alg":"RS256","kid":"r"}`)) + "." + claims
	hash := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, hash[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + encode(signature), fmt.Sprintf(
		`{"keys":[{"kty":"RSA","kid":"r","alg":"RS256","n":"%s","e":"AQAB"}]}`, encode(key.N.Bytes()))
}
