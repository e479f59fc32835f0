// Command load puts one kind of work on a container registry over a number of connections, each a closed
// loop, and prints what came of it as JSON. It knows nothing of any one registry.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"syscall"
	"time"
)

type options struct {
	addr, work, paths, order, repo string
	conns, pool, verify            int
	warmup, duration, stall        time.Duration
	size                           int64
	handshake                      bool
}

type result struct {
	Ops       int64   `json:"ops"`
	Requests  int64   `json:"requests"`
	Errors    int64   `json:"errors"`
	Problem   string  `json:"problem"`
	Seconds   float64 `json:"seconds"`
	Bytes     int64   `json:"bytes"`
	P50       float64 `json:"p50_ms"`
	P90       float64 `json:"p90_ms"`
	P99       float64 `json:"p99_ms"`
	Max       float64 `json:"max_ms"`
	ClientCPU float64 `json:"client_cpu_seconds"`
	Dials     int     `json:"dials"`
}

func parse() options {
	var o options
	flag.StringVar(&o.addr, "addr", "127.0.0.1:5000", "host:port of the registry")
	flag.StringVar(&o.work, "work", "get", "get, get-new (no two the same), head, push, big-put, big-patch or big-chunked")
	flag.StringVar(&o.paths, "paths", "", "file of lines `path TAB size [TAB path TAB size ...]`; a line is one operation")
	flag.StringVar(&o.order, "order", "random", "order of the lines: random or round")
	flag.StringVar(&o.repo, "repo", "bench/push", "repositories pushed to: this, a dash and the connection's number")
	flag.IntVar(&o.conns, "conns", 16, "clients: closed loops")
	flag.IntVar(&o.pool, "pool", 0, "connections that all clients share, any request on any of them; 0: one for each client")
	flag.IntVar(&o.verify, "verify", 64, "lines whose content is compared with its digest before the clock starts")
	flag.DurationVar(&o.warmup, "warmup", time.Second, "time before the clock starts")
	flag.DurationVar(&o.duration, "duration", 5*time.Second, "time on the clock")
	flag.DurationVar(&o.stall, "stall", 2*time.Minute, "give up this long after the planned end")
	flag.Int64Var(&o.size, "size", 64<<20, "bytes of a big blob")
	flag.BoolVar(&o.handshake, "handshake", false, "print `ready` before the clock starts and wait for a line on stdin")
	flag.Parse()
	return o
}

func (o options) workload() (workload, error) {
	switch o.work {
	case "get", "get-new", "head":
		method := "GET"
		if o.work == "head" {
			method = "HEAD"
		}
		groups, err := loadGroups(o.paths, method, o.addr)
		if err != nil {
			return nil, err
		}
		l := &reader{groups: groups, isHead: o.work == "head", random: o.order == "random", fresh: o.work == "get-new"}
		return l, nil
	case "push":
		return &pusher{addr: o.addr, prefix: o.repo, salt: fmt.Sprintf("%x", rand.Int63())}, nil
	case "big-put", "big-patch", "big-chunked":
		return newBigPusher(o.addr, o.repo, o.work[len("big-"):], o.size)
	}
	return nil, fmt.Errorf("unknown work %q", o.work)
}

func main() {
	runtime.GOMAXPROCS(1) // the loop is one thread; idle ones would spin on cores that the server could use
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(2 << 30)
	o := parse()
	work, err := o.workload()
	if err != nil {
		fail(err)
	}
	out, err := run(o, work)
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "load:", err)
	os.Exit(1)
}

func run(o options, work workload) (result, error) {
	l, err := newLoop(time.Now().Add(o.warmup + o.duration + o.stall))
	if err != nil {
		return result{}, err
	}
	workers := make([]*worker, o.conns)
	for i := range workers {
		source := rand.New(rand.NewSource(int64(i) + 1))
		workers[i] = &worker{id: i, resume: make(chan struct{}), rng: source, turn: i}
	}
	share(workers, o, l)
	if reads, ok := work.(*reader); ok {
		var wrong error
		err = l.run(workers[:1], func(w *worker) { wrong = reads.verify(w, o.verify) })
		if err = errors.Join(err, wrong); err != nil {
			return result{}, err
		}
	}
	if _, err = l.phase(workers, work, o.warmup); err != nil {
		return result{}, err
	}
	if o.handshake {
		fmt.Println("ready")
		if _, err = bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
			return result{}, err
		}
	}
	before := cpu()
	seconds, err := l.phase(workers, work, o.duration)
	out := summary(workers, seconds, cpu()-before)
	out.Dials = l.dials
	return out, err
}

func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		fail(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func summary(workers []*worker, seconds, cpu float64) result {
	out := result{Seconds: seconds, ClientCPU: cpu}
	var times []time.Duration
	for _, w := range workers {
		out.Ops += w.count.ops
		out.Requests += w.count.requests
		out.Bytes += w.count.bytes
		out.Errors += w.count.errors
		if w.problem != "" {
			out.Problem = w.problem
		}
		times = append(times, w.times...)
	}
	if len(times) == 0 {
		return out
	}
	sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	at := func(q float64) float64 {
		return float64(times[int(q*float64(len(times)-1))].Nanoseconds()) / 1e6
	}
	out.P50, out.P90, out.P99, out.Max = at(0.50), at(0.90), at(0.99), at(1)
	return out
}
