{ Post a catalogue and wait until the hub has applied it. Delphi 10.2 or newer, or Free Pascal 3.2.

    fpc PostCatalogue.pas
    HUB_URL=https://hub.example.com HUB_KEY=ihub_live_... ./PostCatalogue FILE full|delta [IDEMPOTENCY_KEY]

  Exit code 0: every record was applied. }
program PostCatalogue;

{$IFDEF FPC}{$MODE DELPHI}{$H+}{$ELSE}{$APPTYPE CONSOLE}{$ENDIF}

uses
{$IFDEF FPC}
  {$IFDEF UNIX}BaseUnix,{$ENDIF} Classes, SysUtils, fphttpclient, opensslsockets, zstream;
{$ELSE}
  System.Classes, System.SysUtils, System.Net.HttpClient, System.Net.URLClient, System.ZLib;
{$ENDIF}

const
  Attempts = 9;
  ConnectTimeoutMs = 10000;
  WaitTimeoutMs = 300000; { of one read or write }
  BlockBytes = 65536;

type
  ERefused = class(Exception);

  TAnswer = record
    Status: Integer;
    Body: string;
    RetryAfter: string;
  end;

{ The text or number of a JSON member. In a program of yours use System.JSON or fpjson. }
function Member(const Json, Name: string): string;
var
  Start, Stop: Integer;
begin
  Result := '';
  Start := Pos('"' + Name + '":', Json);
  if Start = 0 then
    Exit;
  Inc(Start, Length(Name) + 3);
  while (Start <= Length(Json)) and CharInSet(Json[Start], [' ', '"']) do
    Inc(Start);
  Stop := Start;
  while (Stop <= Length(Json)) and not CharInSet(Json[Stop], ['"', ',', '}']) do
    Inc(Stop);
  Result := Copy(Json, Start, Stop - Start);
end;

{ Both forms read the file in blocks, so that a large catalogue needs no memory. }
procedure Compress(const Source, Target: string);
var
  Input: TFileStream;
  Block: array[0..BlockBytes - 1] of Byte;
  Count: Integer;
{$IFDEF FPC}
  Output: TGZFileStream;
{$ELSE}
  Plain: TFileStream;
  Output: TZCompressionStream;
{$ENDIF}
begin
  Input := TFileStream.Create(Source, fmOpenRead or fmShareDenyWrite);
  try
{$IFDEF FPC}
    Output := TGZFileStream.Create(Target, gzOpenWrite);
{$ELSE}
    Plain := TFileStream.Create(Target, fmCreate);
    Output := TZCompressionStream.Create(Plain, zcDefault, 15 + 16); { + 16: gzip }
{$ENDIF}
    try
      repeat
        Count := Input.Read(Block, SizeOf(Block));
        if Count > 0 then
          Output.WriteBuffer(Block, Count);
      until Count = 0;
    finally
      Output.Free;
{$IFNDEF FPC}
      Plain.Free;
{$ENDIF}
    end;
  finally
    Input.Free;
  end;
end;

{ One attempt. `Body` is the compressed file, '' for a GET. Raise an exception if the connection breaks. }
{$IFDEF FPC}
function Attempt(const Method, Path, Body: string; Headers: TStrings): TAnswer;
var
  Http: TFPHTTPClient;
  Response: TStringStream;
  I: Integer;
begin
  Http := TFPHTTPClient.Create(nil);
  Response := TStringStream.Create('');
  try
    Http.ConnectTimeout := ConnectTimeoutMs;
    Http.IOTimeout := WaitTimeoutMs;
    for I := 0 to Headers.Count - 1 do
      Http.AddHeader(Headers.Names[I], Headers.ValueFromIndex[I]);
    if Body <> '' then
      Http.RequestBody := TFileStream.Create(Body, fmOpenRead or fmShareDenyWrite);
    Http.HTTPMethod(Method, GetEnvironmentVariable('HUB_URL') + Path, Response, []);
    Result.Status := Http.ResponseStatusCode;
    Result.Body := Response.DataString;
    Result.RetryAfter := Trim(TFPHTTPClient.GetHeader(Http.ResponseHeaders, 'Retry-After'));
  finally
    Http.RequestBody.Free;
    Response.Free;
    Http.Free;
  end;
end;
{$ELSE}
function Attempt(const Method, Path, Body: string; Headers: TStrings): TAnswer;
var
  Http: THTTPClient;
  Request: IHTTPRequest;
  Response: IHTTPResponse;
  Content: TFileStream;
  I: Integer;
begin
  Content := nil;
  Http := THTTPClient.Create;
  try
    Http.ConnectionTimeout := ConnectTimeoutMs;
    Http.ResponseTimeout := WaitTimeoutMs;
    Request := Http.GetRequest(Method, GetEnvironmentVariable('HUB_URL') + Path);
    for I := 0 to Headers.Count - 1 do
      Request.HeaderValue[Headers.Names[I]] := Headers.ValueFromIndex[I];
    if Body <> '' then
    begin
      Content := TFileStream.Create(Body, fmOpenRead or fmShareDenyWrite);
      Request.SourceStream := Content;
    end;
    Response := Http.Execute(Request);
    Result.Status := Response.StatusCode;
    Result.Body := Response.ContentAsString;
    Result.RetryAfter := Response.HeaderValue['Retry-After'];
  finally
    Content.Free;
    Http.Free;
  end;
end;
{$ENDIF}

function EndsWithBrace(const Body: string): Boolean;
var
  Trimmed: string;
begin
  Trimmed := Trim(Body);
  Result := (Trimmed <> '') and (Trimmed[Length(Trimmed)] = '}');
end;

function IsRetryable(Status: Integer): Boolean;
begin
  case Status of
    408, 425, 429, 500, 502, 503, 504: Result := True;
  else
    Result := False;
  end;
end;

{ Send until the hub answers something that lasts. }
function Send(const Method, Path, Body: string; Headers: TStrings): TAnswer;
var
  Number, Seconds: Integer;
  Failure: string;
begin
  for Number := 1 to Attempts do
  begin
    Seconds := 0;
    try
      Result := Attempt(Method, Path, Body, Headers);
      { TFPHTTPClient returns what arrived before the connection broke. }
      if (Result.Status = 0) or not EndsWithBrace(Result.Body) then
        raise Exception.Create('The connection broke.');
      if (Result.Status >= 200) and (Result.Status < 300) then
        Exit;
      Failure := Format('The hub answered %d: %s', [Result.Status, Result.Body]);
      if not IsRetryable(Result.Status) then
        raise ERefused.Create(Failure);
      Seconds := StrToIntDef(Result.RetryAfter, 0);
    except
      on E: ERefused do
        raise;
      on E: Exception do { the connection broke, or the time is over }
        Failure := E.Message;
    end;
    if Number = Attempts then
      Break;
    { Never earlier than the hub requests; the random part keeps clients that failed together apart. }
    if Seconds = 0 then
      Seconds := 1 shl (Number - 1);
    if (Result.RetryAfter = '') and (Seconds > 60) then
      Seconds := 60;
    Sleep(Seconds * 1000 + Random(Seconds * 500));
  end;
  raise ERefused.Create(Failure);
end;

function NewKey: string;
var
  Guid: TGUID;
begin
  CreateGUID(Guid);
  Result := Copy(GUIDToString(Guid), 2, 36);
end;

function WaitForBatch(const Id: string; Headers: TStrings): Boolean;
var
  Batch: TAnswer;
begin
  repeat
    Batch := Send('GET', '/v1/batches/' + Id, '', Headers);
    if Member(Batch.Body, 'finished_at') <> 'null' then
      Break;
    Sleep(1000 * StrToIntDef(Batch.RetryAfter, 1));
  until False;
  Writeln(Member(Batch.Body, 'status'), ': ', Member(Batch.Body, 'items_processed'), ' records applied, ',
    Member(Batch.Body, 'items_failed'), ' not');
  { GET /v1/batches/ID/errors lists the rejected records, with the reasons. }
  Result := Member(Batch.Body, 'status') = 'COMPLETED';
end;

procedure Run;
var
  Headers, PostHeaders: TStringList;
  PackedFile, Key, Id: string;
begin
  Key := ParamStr(3);
  if Key = '' then
    Key := NewKey;
  PackedFile := ParamStr(1) + '.' + NewKey + '.gz';
  Headers := TStringList.Create;
  PostHeaders := TStringList.Create;
  try
    Headers.Values['Authorization'] := 'Bearer ' + GetEnvironmentVariable('HUB_KEY');
    PostHeaders.Assign(Headers);
    PostHeaders.Values['X-Inova-Load-Type'] := ParamStr(2);
    PostHeaders.Values['Content-Type'] := 'application/json';
    PostHeaders.Values['Content-Encoding'] := 'gzip';
    { One key for all attempts: the hub recognises a repeated post. Store it with the export, and use it again
      after a crash. }
    PostHeaders.Values['Idempotency-Key'] := Key;
    Compress(ParamStr(1), PackedFile);
    Id := Member(Send('POST', '/v1/inovafarma/products', PackedFile, PostHeaders).Body, 'batch_id');
    Writeln('accepted as ', Id);
    if not WaitForBatch(Id, Headers) then
      ExitCode := 1;
  finally
    DeleteFile(PackedFile);
    PostHeaders.Free;
    Headers.Free;
  end;
end;

begin
{$IF DEFINED(FPC) AND DEFINED(UNIX)}
  fpSignal(SIGPIPE, SignalHandler(SIG_IGN)); { a broken connection is an exception, not the end of the program }
{$IFEND}
  Randomize;
  try
    Run;
  except
    on E: Exception do
    begin
      Writeln(ErrOutput, E.Message);
      ExitCode := 1;
    end;
  end;
end.
