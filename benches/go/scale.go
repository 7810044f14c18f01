package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	auth "github.com/libauth/libauth/bindings/go"
)

// scale prints what a verification of an RS256 token costs when many goroutines verify, and what it
// allocates. Every token is verified in full: libauth keeps no verdicts.
func scale() error {
	key, err := newSigner("bench", 2048, `,"alg":"RS256","use":"sig"`)
	if err != nil {
		return err
	}
	w := newWorld(key)
	defer w.Close()
	tokens := make([]string, 64)
	for place := range tokens {
		tokens[place], err = key.token(`{"alg":"RS256","kid":"bench","typ":"at+jwt"}`, w.claims(fmt.Sprint("user-", place)))
		if err != nil {
			return err
		}
	}
	a, err := w.libauth()
	if err != nil {
		return err
	}
	defer a.Close()
	verdict, err := a.Verify(context.Background(), tokens[0])
	if err != nil {
		return err
	}

	fmt.Println("| goroutines | verifications/s | ratio to 1 |\n| --- | --- | --- |")
	counts, best := []int{1, 2, 100, 1000}, make([]float64, 4)
	for round := 0; round < 9; round++ { // in turns, so that what else runs meets all of them
		for place, goroutines := range counts {
			rate, err := parallel(a, tokens, goroutines, 300*time.Millisecond)
			if err != nil {
				return err
			}
			best[place] = max(best[place], rate)
		}
	}
	for place, goroutines := range counts {
		fmt.Printf("| %d | %.0f | %.2f |\n", goroutines, best[place], best[place]/best[0])
	}
	fmt.Printf("%d processors\n\n", runtime.GOMAXPROCS(0))
	allocated := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			a.Verify(context.Background(), tokens[0])
		}
	})
	fmt.Printf("%d allocations of together %d bytes a verification; the claims have %d bytes\n",
		allocated.AllocsPerOp(), allocated.AllocedBytesPerOp(), len(verdict.RawClaims()))
	return nil
}

// parallel returns verifications a second.
func parallel(a *auth.Auth, tokens []string, goroutines int, long time.Duration) (float64, error) {
	var count, failed atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for first := range goroutines {
		all.Go(func() {
			for place := first; time.Since(began) < long; place++ {
				if _, err := a.Verify(context.Background(), tokens[place%len(tokens)]); err != nil {
					failed.Add(1)
				}
				count.Add(1)
			}
		})
	}
	all.Wait()
	if failed.Load() > 0 {
		return 0, fmt.Errorf("%d good tokens were refused", failed.Load())
	}
	return float64(count.Load()) / time.Since(began).Seconds(), nil
}
