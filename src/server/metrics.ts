// Counters and histograms in Prometheus's text format (https://prometheus.io/docs/instrumenting/exposition_formats).

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** Numbers that may be asked for at any time. */
export interface Gauges {
  readonly requestsInFlight: number
  readonly queuedImages: number
}

class Histogram {
  private readonly counts: number[]
  private sum = 0
  private total = 0

  constructor(private readonly bounds: readonly number[]) {
    this.counts = bounds.map(() => 0)
  }

  observe(value: number): void {
    const place = this.bounds.findIndex(bound => value <= bound)
    if (place >= 0) this.counts[place]!++
    this.sum += value
    this.total++
  }

  lines(name: string, labels = ''): string[] {
    let below = 0
    const with_ = (extra: string): string => [labels, extra].filter(Boolean).join(',')
    const own = labels === '' ? '' : `{${labels}}`
    return [
      ...this.bounds.map((bound, i) => {
        below += this.counts[i]!
        return `${name}_bucket{${with_(`le="${bound}"`)}} ${below}`
      }),
      `${name}_bucket{${with_('le="+Inf"')}} ${this.total}`,
      `${name}_sum${own} ${this.sum}`,
      `${name}_count${own} ${this.total}`,
    ]
  }
}

export class Metrics {
  private readonly requests = new Map<string, number>()
  private readonly latencies = new Map<string, Histogram>()
  private readonly batchSizes: Histogram
  private readonly batchSeconds = new Histogram(SECONDS)
  private unreadable = 0
  private readonly started = Date.now() / 1000

  constructor(batchSize: number) {
    const powers = Array.from({ length: 12 }, (_, i) => 2 ** i).filter(power => power < batchSize)
    this.batchSizes = new Histogram([...powers, batchSize])
  }

  /** `route` is one of the server's own, never the text of a request. */
  request(route: string, status: number, seconds: number): void {
    const key = `route="${route}",status="${status}"`
    this.requests.set(key, (this.requests.get(key) ?? 0) + 1)
    const latency = this.latencies.get(route) ?? new Histogram(SECONDS)
    this.latencies.set(route, latency)
    latency.observe(seconds)
  }

  batch(size: number, seconds: number): void {
    this.batchSizes.observe(size)
    this.batchSeconds.observe(seconds)
  }

  unreadableImage(): void {
    this.unreadable++
  }

  text({ requestsInFlight, queuedImages }: Gauges): string {
    const metric = (name: string, type: string, help: string, lines: readonly string[]): string =>
      [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n')
    const gauge = (name: string, help: string, value: number) => metric(name, 'gauge', help, [`${name} ${value}`])
    const name = 'densenet_http_requests_total'
    const latency = 'densenet_http_request_seconds'
    return [
      metric(
        name,
        'counter',
        'Requests answered.',
        [...this.requests].map(([key, count]) => `${name}{${key}} ${count}`),
      ),
      metric(
        latency,
        'histogram',
        'From the headers of a request to its answer.',
        [...this.latencies].flatMap(([route, histogram]) => histogram.lines(latency, `route="${route}"`)),
      ),
      metric(
        'densenet_batch_size',
        'histogram',
        'Images that went through the network at once.',
        this.batchSizes.lines('densenet_batch_size'),
      ),
      metric(
        'densenet_batch_seconds',
        'histogram',
        'What a batch took in the network.',
        this.batchSeconds.lines('densenet_batch_seconds'),
      ),
      metric('densenet_unreadable_images_total', 'counter', 'Images that could not be decoded.', [
        `densenet_unreadable_images_total ${this.unreadable}`,
      ]),
      gauge('densenet_requests_in_flight', 'Requests that are worked on.', requestsInFlight),
      gauge('densenet_queued_images', 'Images that wait for the network.', queuedImages),
      gauge('process_resident_memory_bytes', 'Resident memory.', process.memoryUsage.rss()),
      gauge('process_start_time_seconds', 'When the server started, in seconds since 1970.', this.started),
    ].join('')
  }
}
