// The visit by Go's standard library: net's resolver, crypto/tls, net/http; a goroutine for each visit in flight.
// It keeps no record: what it costs is what a visit costs at least.
//
//	peer JOB.json
//
// benchmarks/job.py says what is in the file and on the lines.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

type job struct {
	WarmUp   []string `json:"warm_up"`
	Names    []string `json:"names"`
	InFlight int      `json:"in_flight"`
	Deadline float64  `json:"deadline"`
	Resolver string   `json:"resolver"`
	Trust    string   `json:"trust"`
}

type tally struct {
	Visits         int            `json:"visits"`
	False          int            `json:"false"`
	FalseUnflagged int            `json:"false_unflagged"`
	Flagged        int            `json:"flagged"`
	Holes          int            `json:"holes"`
	Impossible     int            `json:"impossible"`
	Failures       map[string]int `json:"failures"`
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func client(j job) *http.Client {
	deadline := time.Duration(j.Deadline * float64(time.Second))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(must(os.ReadFile(j.Trust)))
	dialer := &net.Dialer{Timeout: deadline}
	resolver := &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, net.JoinHostPort(j.Resolver, "53"))
		},
	}
	dial := func(ctx context.Context, _, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		found, err := resolver.LookupIPAddr(ctx, host) // A and AAAA
		if err != nil {
			return nil, err
		}
		return dialer.DialContext(ctx, "tcp", net.JoinHostPort(found[0].String(), port))
	}
	return &http.Client{
		Timeout: deadline,
		Transport: &http.Transport{
			DialContext:       dial,
			TLSClientConfig:   &tls.Config{RootCAs: roots},
			DisableKeepAlives: true,
		},
	}
}

// visit returns "" when the page came.
func visit(c *http.Client, name string) string {
	response, err := c.Get("https://" + name + "/")
	if err != nil {
		var slow net.Error
		if errors.As(err, &slow) && slow.Timeout() {
			return "timeout"
		}
		said := strings.Split(err.Error(), ": ")
		return said[len(said)-1]
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil || !bytes.Contains(page, []byte("<title>")) {
		return "no page"
	}
	return ""
}

func visitAll(c *http.Client, names []string, inFlight int) tally {
	result := tally{Visits: len(names), Failures: map[string]int{}}
	failures := make([]string, len(names))
	next := make(chan int)
	var workers sync.WaitGroup
	for i := 0; i < inFlight; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for at := range next {
				failures[at] = visit(c, names[at])
			}
		}()
	}
	for at := range names {
		next <- at
	}
	close(next)
	workers.Wait()
	for at, name := range names {
		switch hole := strings.HasPrefix(name, "b"); {
		case hole && failures[at] != "":
			result.Holes++
		case hole:
			result.Impossible++
		case failures[at] != "":
			result.False++
			result.FalseUnflagged++
			result.Failures[failures[at]]++
		}
	}
	return result
}

func say(line any, answers *bufio.Reader) {
	fmt.Println(string(must(json.Marshal(line))))
	answers.ReadString('\n')
}

func main() {
	var j job
	must(0, json.Unmarshal(must(os.ReadFile(os.Args[1])), &j))
	c, answers := client(j), bufio.NewReader(os.Stdin)
	visitAll(c, j.WarmUp, j.InFlight)
	say(map[string]int{"process": os.Getpid()}, answers)
	say(visitAll(c, j.Names, j.InFlight), answers)
}
