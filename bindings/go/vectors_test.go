package auth

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every conformance vector, as tests/vectors/README.md says.
const vectors = "../../tests/vectors/"

var parity = flag.String("parity", "", "file for a line a case of TestVectors")

type vectorFile struct {
	About, Stage string
	Notes        map[string]string
	Options      map[string]json.RawMessage
	Cases        []vector
}

type vector struct {
	ID                            string
	Now                           *int64
	Header, Require, Load, Claims *string
	HeaderB64                     *string `json:"header_b64"`
	RequireB64                    *string `json:"require_b64"`
	LoadB64                       *string `json:"load_b64"`
	ClaimsB64                     *string `json:"claims_b64"`
	Options, Set                  map[string]json.RawMessage
	Expect                        expected
}

type expected struct {
	Status, Issuer, Subject, Scopes string
	ClientID                        string   `json:"client_id"`
	ExpiresAt                       int64    `json:"expires_at"`
	ClaimsSHA256                    string   `json:"claims_sha256"`
	ChallengeScope                  *string  `json:"challenge_scope"`
	LogHas                          []string `json:"log_has"`
}

// vectorRun is what all cases share.
type vectorRun struct {
	statuses map[string]tableRow
	room     []uint64             // a record that holds an accepted verdict, once
	accept   func([]uint64) error // it is filled
}

func TestVectors(t *testing.T) {
	var lines io.Writer = io.Discard
	if *parity != "" {
		file, err := os.Create(*parity)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		lines = file
	}
	files := vectorFiles(t)
	run := vectorRun{statuses: map[string]tableRow{}, room: make([]uint64, 1<<18)}
	for _, row := range tables(t).Statuses {
		run.statuses[row.Name] = row
	}
	count := 0
	paths := slices.Sorted(maps.Keys(files))
	for _, path := range paths {
		for _, v := range files[path].Cases {
			run.findAccepted(t, files[path].Options, v)
		}
	}
	for _, path := range paths {
		file := files[path]
		name := strings.TrimSuffix(strings.TrimPrefix(path, vectors), ".json")
		for _, v := range file.Cases {
			count++
			t.Run(v.ID, func(t *testing.T) {
				verdict, err := run.decide(t, file.Options, v)
				run.check(t, v.Expect, verdict, err)
				writeLine(lines, name+"#"+v.ID, verdict, err)
			})
		}
	}
	text, err := os.ReadFile(vectors + "COUNT")
	if err != nil {
		t.Fatal(err)
	}
	if wanted, _ := strconv.Atoi(strings.TrimSpace(string(text))); count != wanted {
		t.Errorf("%d cases, and tests/vectors/COUNT says %d", count, wanted)
	}
}

func vectorFiles(t *testing.T) map[string]vectorFile {
	files := map[string]vectorFile{}
	paths, _ := filepath.Glob(vectors + "*/*.json")
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var file vectorFile
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&file); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		files[path] = file
	}
	return files
}

// The first case that is an accepted token fills the used record.
func (r *vectorRun) findAccepted(t *testing.T, options map[string]json.RawMessage, v vector) {
	if r.accept != nil || v.Expect.Status != "OK" || v.Now == nil || v.Header == nil {
		return
	}
	h := configured(t, options, v)
	r.accept = func(room []uint64) error {
		_, err := h.askInto(room, opAuthorizeAt, *v.Header, *cmp.Or(v.Require, new(string)), *v.Now)
		return err
	}
}

func configured(t *testing.T, options map[string]json.RawMessage, v vector) *handle {
	h := newTestHandle(t)
	all := maps.Clone(options)
	maps.Copy(all, v.Options)
	setAll(h, all)
	return h
}

func (r *vectorRun) decide(
	t *testing.T, options map[string]json.RawMessage, v vector,
) (*Verdict, *Error) {
	h := configured(t, options, v)
	header, claims := either(t, v.Header, v.HeaderB64), either(t, v.Claims, v.ClaimsB64)
	require, load := either(t, v.Require, v.RequireB64), either(t, v.Load, v.LoadB64)
	switch {
	case header != nil && v.Now == nil, claims != nil && v.Now != nil, load == nil && v.Set != nil,
		require != nil && v.Now == nil && claims == nil:
		t.Fatal("members that do not go together")
	case load != nil:
		verdict, err := r.answer(t, h, opLoad, *load, "", 0)
		setAll(h, v.Set)
		if err != nil && len(v.Set) == 0 {
			return verdict, err
		}
	}
	empty := new(string)
	switch {
	case v.Now != nil:
		return r.answer(t, h, opAuthorizeAt, *cmp.Or(header, empty), *cmp.Or(require, empty), *v.Now)
	case claims != nil:
		return r.answer(t, h, opRequire, *claims, *cmp.Or(require, empty), 0)
	}
	return r.answer(t, h, opCheck, "", "", 0)
}

// A text as it stands, any other value as JSON. What is answered, a later call repeats.
func setAll(h *handle, options map[string]json.RawMessage) {
	for _, key := range slices.Sorted(maps.Keys(options)) {
		value := string(options[key])
		if text := new(string); json.Unmarshal(options[key], text) == nil && value != "null" {
			value = *text
		}
		_, _ = h.ask(opSet, key+"\x00", value+"\x00", 0)
	}
}

func either(t *testing.T, plain, b64 *string) *string {
	if b64 == nil {
		return plain
	}
	text, err := base64.StdEncoding.DecodeString(*b64)
	if err != nil || plain != nil {
		t.Fatal("no base64, or a text and its base64 at once")
	}
	decoded := string(text)
	return &decoded
}

// Twice in a row, and once in memory that held an acceptance.
func (r *vectorRun) answer(
	t *testing.T, h *handle, op op, text, more string, number int64,
) (*Verdict, *Error) {
	if err := r.accept(r.room); err != nil {
		t.Fatal(err)
	}
	verdict, err := h.ask(op, text, more, number)
	again, errAgain := h.ask(op, text, more, number)
	used, errUsed := h.askInto(r.room, op, text, more, number)
	if !reflect.DeepEqual(verdict, again) || !reflect.DeepEqual(err, errAgain) {
		t.Error("another answer the second time")
	}
	if !reflect.DeepEqual(verdict, used) || !reflect.DeepEqual(err, errUsed) {
		t.Error("another answer in a used record")
	}
	return verdict, asError(err)
}

func (r *vectorRun) check(t *testing.T, x expected, v *Verdict, e *Error) {
	number, code, http, log, challenge := Status(0), "ok", 200, "", ""
	if e != nil {
		number, code, http, log, challenge = e.Number, e.Code, e.HTTPStatus, e.Log, e.Challenge
	} else {
		log = v.log
	}
	row := r.statuses[x.Status]
	if row.Code != code || row.Number != number || row.HTTPStatus != http {
		t.Errorf("%d %s %d, not %s: %s", number, code, http, x.Status, log)
	}
	if e != nil && e.Message != row.Message {
		t.Errorf("message: %s", e.Message)
	}
	for _, part := range x.LogHas {
		if !strings.Contains(log, part) {
			t.Errorf("log without %q: %s", part, log)
		}
	}
	scope, has := " scope=", x.ChallengeScope != nil
	if has {
		scope = ` scope="` + *x.ChallengeScope + `"`
	}
	if strings.Contains(challenge, scope) != has {
		t.Errorf("challenge: %s", challenge)
	}
	if e != nil {
		return
	}
	got := expected{Issuer: v.Issuer, Subject: v.Subject, ClientID: v.ClientID,
		Scopes: strings.Join(v.Scopes(), " "), ExpiresAt: v.expiresAt, ClaimsSHA256: x.ClaimsSHA256,
		Status: x.Status, LogHas: x.LogHas}
	if !reflect.DeepEqual(got, x) {
		t.Errorf("%+v, not %+v", got, x)
	}
	if x.ClaimsSHA256 != "" && x.ClaimsSHA256 != digest(string(v.RawClaims())) {
		t.Error("claims are not those signed")
	}
}

func digest(texts ...string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(texts, "\x00"))))
}

func writeLine(lines io.Writer, place string, v *Verdict, e *Error) {
	if e != nil {
		fmt.Fprintf(lines, "%s %d %d %.0f 0 %s %s\n", place, e.Number, e.HTTPStatus,
			e.RetryAfter.Seconds(), e.Code, digest(e.Message, e.Log, e.Challenge, e.Problem))
		return
	}
	fmt.Fprintf(lines, "%s 0 200 0 %d ok %s\n", place, v.expiresAt,
		digest(v.claims, v.header, v.Issuer, v.Subject, v.ClientID, v.scopes))
}
