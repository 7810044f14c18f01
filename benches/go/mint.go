package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"
)

// A signer signs RS256, and PS256 where the header says so.
type signer struct {
	*rsa.PrivateKey
	kid, members string // members: more of its JWK
}

func newSigner(kid string, bits int, members string) (signer, error) {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	return signer{key, kid, members}, err
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func (s signer) jwk() string {
	n, e := s.N.Bytes(), big.NewInt(int64(s.E)).Bytes()
	return fmt.Sprintf(`{"kty":"RSA","kid":%q,"n":%q,"e":%q%s}`, s.kid, encode(string(n)), encode(string(e)), s.members)
}

func (s signer) token(header, payload string) (string, error) {
	signed := encode(header) + "." + encode(payload)
	digest := sha256.Sum256([]byte(signed))
	var signature []byte
	var err error
	if strings.Contains(header, "PS256") {
		signature, err = rsa.SignPSS(rand.Reader, s.PrivateKey, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: 32})
	} else {
		signature, err = rsa.SignPKCS1v15(nil, s.PrivateKey, crypto.SHA256, digest[:])
	}
	return signed + "." + encode(string(signature)), err
}

// A world is a provider on loopback: discovery and keys. While down is set it answers 500.
type world struct {
	provider
	*httptest.Server
	down atomic.Bool
}

func newWorld(signers ...signer) *world {
	jwks := make([]string, len(signers))
	for place, signer := range signers {
		jwks[place] = signer.jwk()
	}
	w := &world{}
	w.Server = httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		switch {
		case w.down.Load():
			answer.WriteHeader(http.StatusInternalServerError)
		case r.URL.Path == "/jwks":
			fmt.Fprintf(answer, `{"keys":[%s]}`, strings.Join(jwks, ","))
		default:
			fmt.Fprintf(answer, `{"issuer":%q,"jwks_uri":%q}`, w.issuer, w.jwksURI)
		}
	}))
	w.provider = provider{w.URL, "https://api.example", w.URL + "/jwks", []string{"RS256", "PS256"}}
	return w
}

func (w *world) claims(subject string) string {
	now := time.Now().Unix()
	return fmt.Sprintf(`{"iss":%q,"aud":%q,"sub":%q,"client_id":"c","scope":"read","iat":%d,"exp":%d}`,
		w.issuer, w.audience, subject, now, now+600)
}
