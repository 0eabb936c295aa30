// Post a catalogue and wait until the hub has applied it. .NET Framework 4.6, .NET, or Mono.
//
//   mcs -r:System.Net.Http.dll PostCatalogue.cs
//   HUB_URL=https://hub.example.com HUB_KEY=ihub_live_... mono PostCatalogue.exe FILE full|delta [IDEMPOTENCY_KEY]
//
// Exit code 0: every record was applied.
using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using System.Threading.Tasks;

public static class PostCatalogue
{
    const int Attempts = 9;
    static readonly HashSet<int> Retryable = new HashSet<int> { 408, 425, 429, 500, 502, 503, 504 };
    static readonly Random Jitter = new Random();
    // One client for the whole program: it keeps connections open. The time-out is of one attempt, the upload included.
    static readonly HttpClient Http = new HttpClient { Timeout = TimeSpan.FromMinutes(5) };

    sealed class Answer
    {
        public string Body;
        public double? RetryAfter;

        // The text or number of a JSON member. In a program of yours use System.Text.Json or Newtonsoft.Json.
        public string Member(string name)
        {
            return Regex.Match(Body, "\"" + name + "\": *\"?([^\",}]*)").Groups[1].Value;
        }
    }

    sealed class Refused : Exception
    {
        public Refused(string message) : base(message) { }
    }

    public static int Main(string[] arguments)
    {
        try
        {
            var key = arguments.Length > 2 ? arguments[2] : Guid.NewGuid().ToString();
            return Run(arguments[0], arguments[1], key).GetAwaiter().GetResult();
        }
        catch (Exception error)
        {
            Console.Error.WriteLine(error.Message);
            return 1;
        }
    }

    static async Task<int> Run(string file, string loadType, string key)
    {
        Http.BaseAddress = new Uri(Environment.GetEnvironmentVariable("HUB_URL"));
        Http.DefaultRequestHeaders.Authorization =
            new AuthenticationHeaderValue("Bearer", Environment.GetEnvironmentVariable("HUB_KEY"));
        var packed = Path.GetTempFileName();
        try
        {
            Compress(file, packed);
            // One key for all attempts: the hub recognises a repeated post. Store it with the export, and use it
            // again after a crash.
            var accepted = await Send(() => BuildPost(packed, loadType, key));
            var id = accepted.Member("batch_id");
            Console.WriteLine("accepted as " + id);
            return await Wait(id);
        }
        finally
        {
            File.Delete(packed);
        }
    }

    static void Compress(string file, string target)
    {
        using (var source = File.OpenRead(file))
        using (var packed = new GZipStream(File.Create(target), CompressionMode.Compress))
            source.CopyTo(packed);
    }

    static HttpRequestMessage BuildPost(string packed, string loadType, string key)
    {
        // StreamContent reads the file while it is sent; a byte[] would hold it in memory.
        var content = new StreamContent(File.OpenRead(packed));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        content.Headers.ContentEncoding.Add("gzip");
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/inovafarma/products") { Content = content };
        request.Headers.Add("X-Inova-Load-Type", loadType);
        request.Headers.Add("Idempotency-Key", key);
        request.Headers.ExpectContinue = false;
        return request;
    }

    // Send until the hub answers something that lasts. A request can be sent only once, so each attempt builds one.
    static async Task<Answer> Send(Func<HttpRequestMessage> build)
    {
        for (var attempt = 1; ; attempt++)
        {
            double? requested = null;
            try
            {
                using (var request = build())
                using (var response = await Http.SendAsync(request))
                {
                    var body = await response.Content.ReadAsStringAsync();
                    requested = SecondsOf(response.Headers.RetryAfter);
                    if (response.IsSuccessStatusCode)
                        return new Answer { Body = body, RetryAfter = requested };
                    var message = "The hub answered " + (int)response.StatusCode + ": " + body;
                    if (!Retryable.Contains((int)response.StatusCode) || attempt == Attempts)
                        throw new Refused(message);
                }
            }
            catch (Exception error) when (!(error is Refused) && attempt < Attempts)
            {
                // The connection broke, or the time is over (TaskCanceledException).
            }
            // Never earlier than the hub requests; the random part keeps clients that failed together apart.
            var seconds = requested ?? Math.Min(60, Math.Pow(2, attempt - 1));
            await Task.Delay(TimeSpan.FromSeconds(seconds * (1 + Jitter.NextDouble() / 2)));
        }
    }

    static double? SecondsOf(RetryConditionHeaderValue header)
    {
        return header != null && header.Delta.HasValue ? header.Delta.Value.TotalSeconds : (double?)null;
    }

    static async Task<int> Wait(string id)
    {
        while (true)
        {
            var batch = await Send(() => new HttpRequestMessage(HttpMethod.Get, "/v1/batches/" + id));
            if (batch.Member("finished_at") != "null")
            {
                Console.WriteLine(batch.Member("status") + ": " + batch.Member("items_processed") +
                    " records applied, " + batch.Member("items_failed") + " not");
                // GET /v1/batches/{id}/errors lists the rejected records, with the reasons.
                return batch.Member("status") == "COMPLETED" ? 0 : 1;
            }
            await Task.Delay(TimeSpan.FromSeconds(batch.RetryAfter ?? 1));
        }
    }
}
