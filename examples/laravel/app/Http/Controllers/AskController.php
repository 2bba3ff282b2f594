<?php

namespace App\Http\Controllers;

use Illuminate\Database\QueryException;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\DB;

/** Questions over HTTP; the question is a parameter of the statement. */
class AskController extends Controller
{
    private const ANSWER = 'SELECT row_to_json(a) AS answer FROM
        (SELECT status, columns, rows, sql, explanation, reason FROM postai.answer(?, 20)) AS a';

    private const ORDERS = 'SELECT status, orders FROM postai_cache.orders_by_status ORDER BY orders DESC';

    public function ask(Request $request): JsonResponse
    {
        try {
            $found = DB::selectOne(self::ANSWER, [(string) $request->query('q', '')]);
        } catch (QueryException $error) {
            return response()->json(['detail' => $error->getPrevious()->getMessage()], 503);
        }

        return JsonResponse::fromJsonString($found->answer);
    }

    public function orders(): JsonResponse
    {
        return response()->json(DB::select(self::ORDERS));
    }
}
